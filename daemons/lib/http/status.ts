/** Names of the statuses that our programs answer with, as Go writes them. */
const REASONS: Record<number, string> = {
  100: 'Continue',
  101: 'Switching Protocols',
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  206: 'Partial Content',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Request Entity Too Large',
  414: 'Request URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Requested Range Not Satisfiable',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  422: 'Unprocessable Entity',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
}

const LINES: string[] = []
for (const [status, reason] of Object.entries(REASONS))
  LINES[Number(status)] = `HTTP/1.1 ${status} ${reason}\r\n`

/** The name of a status: `Not Found`; `status code 299` for one without a name, as Go has it. */
export function reasonOf(status: number): string {
  return REASONS[status] ?? `status code ${status}`
}

/** The first line of an answer, with its line end. */
export function statusLine(status: number): string {
  return LINES[status] ?? `HTTP/1.1 ${status} ${reasonOf(status)}\r\n`
}

/** Whether an answer of this status has no body, nor says how long it is (RFC 9110 §8.6). */
export function isBodiless(status: number): boolean {
  return status < 200 || status === 204 || status === 304
}

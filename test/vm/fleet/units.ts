/** A unit that speaks, as the original's tests have it. */
export const HELLO = `[Unit]
Description=Hello World

[Service]
ExecStart=/bin/bash -c "while true; do echo Hello, World!; sleep 1; done"
`

/**
 * A unit that runs until it is stopped.
 *
 * @param fleet lines of its section [X-Fleet]
 * @param unit lines of its section [Unit]
 */
export function sleeper(fleet: readonly string[] = [], unit: readonly string[] = []): string {
  const sections = [
    ['Unit', ...unit],
    ['Service', 'ExecStart=/bin/sleep infinity'],
    ['X-Fleet', ...fleet],
  ]
  return sections
    .filter(lines => lines.length > 1)
    .map(([name, ...lines]) => `[${name}]\n${lines.join('\n')}\n`)
    .join('\n')
}

/** `name@1.service` and so on. */
export function instances(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${prefix}@${at + 1}.service`)
}

import { type FailpointAction, parseFailpoints, setFailpoints } from '../failpoint.ts'

/**
 * Arms the failpoints that the environment names; to be called once, at the start of a program.
 *
 * @throws UserError when the variable cannot be read
 */
export function armFailpoints(environment: NodeJS.ProcessEnv): void {
  const text = environment.ORLOP_FAILPOINTS
  if (text === undefined || text === '') return
  const actions = parseFailpoints(text)
  const times = new Map<string, number>()
  setFailpoints(name => {
    const action = actions.get(name)
    if (action === undefined) return
    const time = (times.get(name) ?? 0) + 1
    times.set(name, time)
    if (action.time === 0 || action.time === time) act(name, action)
  })
}

function act(name: string, action: FailpointAction): void {
  process.stderr.write(`failpoint ${name}: ${action.type}\n`)
  if (action.type === 'kill') process.kill(process.pid, 'SIGKILL')
  else if (action.type === 'exit') process.exit(action.value)
  else if (action.type === 'throw') throw new Error(`failpoint ${name}`)
  else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, action.value)
}

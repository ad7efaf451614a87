import { UserError } from '#lib/errors.ts'

/** The programs of the multicall binary: the name a program is called by → its module, from the repository's root. */
export type Programs = ReadonlyMap<string, string>

/**
 * Parses image/programs.json.
 *
 * @throws UserError naming the file and the program for anything that is no `name: module.ts` pair
 */
export function parsePrograms(text: string, file: string): Programs {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new UserError(`${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UserError(`${file}: must be an object of program names and modules`)
  }
  const programs = new Map<string, string>()
  for (const [name, module] of Object.entries(value)) {
    if (!/^[a-z][a-z0-9_-]{0,31}$/.test(name))
      throw new UserError(`${file}: '${name}' is no program name`, 'use a-z, 0-9, _ and -')
    if (
      typeof module !== 'string' ||
      !/^(daemons|update-engine)\/[\w/.-]+\.ts$/.test(module) ||
      module.includes('..')
    ) {
      throw new UserError(`${file}: ${name}: the module must be a .ts file under daemons/ or update-engine/`)
    }
    programs.set(name, module)
  }
  if (programs.size === 0) throw new UserError(`${file}: names no program`)
  return programs
}

/**
 * The source of the binary's entry: it looks at the name it was called by and runs that program. Each module is
 * evaluated only when it is the chosen one, so a small program does not pay for the big ones beside it.
 */
export function multicallSource(programs: Programs): string {
  const table = [...programs]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, module]) => `  ${JSON.stringify(name)}: () => import(${JSON.stringify(`./${module}`)}),`)
  return `import { writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { describeFailure } from '#lib/errors.ts'

const programs = {
${table.join('\n')}
}

async function run() {
  // Of Node's own environment variables this one would have every program write files where its caller says.
  // NODE_OPTIONS is not read at all. (Node notices at its end that there is nothing to write, and says so.)
  if (process.env.NODE_V8_COVERAGE !== undefined) {
    delete process.env.NODE_V8_COVERAGE
    require('node:v8').stopCoverage()
  }
  let [name, ...args] = [basename(process.argv0), ...process.argv.slice(2)]
  // Called by the binary's own name, the first word is the program.
  if (!Object.hasOwn(programs, name)) name = args.shift() ?? ''
  if (!Object.hasOwn(programs, name)) {
    process.stderr.write('orlop: ' + (name === '' ? 'no program named' : 'no program ' + name) + '; it holds: ' + Object.keys(programs).join(', ') + '\\n')
    return 2
  }
  // Node calls its process MainThread. Who looks for it by name (pgrep, top, systemctl status) looks for the program.
  try {
    writeFileSync('/proc/self/comm', name)
  } catch {
    // A matter of looks.
  }
  try {
    const program = await programs[name]()
    return await program.main(args)
  } catch (error) {
    const line = describeFailure(error)
    process.stderr.write(name + ': ' + (line ?? (error instanceof Error ? error.stack : String(error))) + '\\n')
    return 1
  }
}

run().then(status => { process.exitCode = status })
`
}

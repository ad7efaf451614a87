import { execFile, spawn } from 'node:child_process'
import { chmod, copyFile, link, lstat, mkdir, readdir, readlink, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { errorCode } from '#lib/errors.ts'

const LIST_BYTES_MAX = 16 * 1024 * 1024
const OUTPUT_BYTES_MAX = 1024 * 1024

/**
 * Copies what is in the checkout `from`, committed or not, as somebody with a strict umask would have cloned it.
 * node_modules is shared.
 */
export async function copyCheckout(from: string, to: string): Promise<void> {
  const words = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const { stdout } = await promisify(execFile)('git', words, { cwd: from, maxBuffer: LIST_BYTES_MAX })
  for (const path of new Set(stdout.split('\0').filter(name => name !== ''))) {
    const info = await lstat(join(from, path)).catch(() => undefined)
    if (info === undefined) continue // removed, not committed yet
    await mkdir(dirname(join(to, path)), { recursive: true, mode: 0o700 })
    if (info.isSymbolicLink()) {
      await symlink(await readlink(join(from, path)), join(to, path))
      continue
    }
    await copyFile(join(from, path), join(to, path))
    await chmod(join(to, path), info.mode & 0o100 ? 0o700 : 0o600)
  }
  await symlink(join(from, 'node_modules'), join(to, 'node_modules'))
}

/** A new cache that has the downloads of another one and nothing made of them. */
export async function shareDownloads(fromCache: string, toCache: string): Promise<void> {
  await mkdir(join(toCache, 'debs'), { recursive: true })
  for (const name of await readdir(join(fromCache, 'debs'))) {
    const paths = [join(fromCache, 'debs', name), join(toCache, 'debs', name)] as const
    try {
      await link(...paths)
    } catch (error) {
      if (errorCode(error) !== 'EXDEV') throw error
      await copyFile(...paths)
    }
  }
}

/** How `orlop` is run. */
export interface OrlopRun {
  checkout: string
  words: readonly string[]
  env?: Record<string, string>
  /** Octal, as the shell takes it. */
  umask?: string
  /** Puts a file system with so little room over a folder, for this command alone. */
  smallDisk?: { folder: string; kib: number }
  /** Called once it runs; may end it. */
  onStart?: (signal: (name: NodeJS.Signals) => void) => void
}

const PRIVATE_MOUNTS = ['unshare', '--user', '--map-root-user', '--mount'] as const

/** Whether this user can have mounts of his own, for `smallDisk`. */
export async function canMount(): Promise<boolean> {
  const [file, ...words] = PRIVATE_MOUNTS
  return await promisify(execFile)(file, [...words, 'mount', '-t', 'tmpfs', 'none', '/mnt']).then(
    () => true,
    () => false,
  )
}

/** What a user sees of a command. */
export interface Said {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs the `orlop` of a checkout to its end; nothing of it stays. */
export async function runOrlop(run: OrlopRun): Promise<Said> {
  const script = [`umask ${run.umask ?? '022'}`]
  // In a mount namespace of its own, where an ordinary user may mount.
  const wrapper = run.smallDisk === undefined ? [] : [...PRIVATE_MOUNTS]
  if (run.smallDisk !== undefined) {
    const { folder, kib } = run.smallDisk
    script.push(`mount -t tmpfs -o size=${kib}k none '${folder}' || exit 99`)
    script.push(`"$@"; code=$?; ls -A '${folder}' > '${folder}.left'; exit $code`)
  } else {
    script.push('exec "$@"')
  }
  const program = join(run.checkout, 'build/cli/main.ts')
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', program, ...run.words]
  const [file = '', ...words] = [...wrapper, 'sh', '-c', script.join('; '), 'sh', ...command]
  const child = spawn(file, words, {
    cwd: run.checkout,
    env: { ...process.env, ...run.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', chunk => {
    stdout = (stdout + chunk).slice(-OUTPUT_BYTES_MAX)
  })
  child.stderr.on('data', chunk => {
    stderr = (stderr + chunk).slice(-OUTPUT_BYTES_MAX)
  })
  run.onStart?.(name => child.kill(name))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  process.off('exit', end)
  return { code, stdout, stderr }
}

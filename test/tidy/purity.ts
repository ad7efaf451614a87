import { resolveImport } from './arrows.ts'
import { importsOf, programOf } from './scan.ts'
import type { Source } from './sources.ts'

/**
 * Decisions and codecs that touch nothing outside: given the same values they give the same answer, so that they can
 * be tested in every case and simulated. A new core belongs here.
 */
export const PURE: readonly string[] = [
  'build/bundle/programs.ts',
  'build/cli/command.ts',
  'build/cli/terminal.ts',
  'build/deb/ar.ts',
  'build/deb/control.ts',
  'build/deb/dependency.ts',
  'build/deb/index.ts',
  'build/deb/lock.ts',
  'build/deb/mirrors.ts',
  'build/deb/request.ts',
  'build/deb/resolve.ts',
  'build/deb/version.ts',
  'build/disk/gpt.ts',
  'build/disk/layout.ts',
  'build/disk/slotcfg.ts',
  'build/disk/uuid.ts',
  'build/fs/cpio.ts',
  'build/kernel/cmdline.ts',
  'build/kernel/index.ts',
  'build/kernel/nearest.ts',
  'build/kernel/options.ts',
  'build/kernel/package.ts',
  'build/kernel/rules.ts',
  'build/rootfs/accounts.ts',
  'build/rootfs/entry.ts',
  'build/rootfs/glob.ts',
  'build/rootfs/layout.ts',
  'build/rootfs/ldcache.ts',
  'build/rootfs/prune.ts',
  'build/rootfs/put.ts',
  'build/rootfs/recipe.ts',
  'build/rootfs/strict.ts',
  'build/rootfs/sysusers.ts',
  'build/rootfs/tree.ts',
  'build/rootfs/unitfile.ts',
  'build/rootfs/var.ts',
  'build/tools/layout.ts',
  'build/tools/loader.ts',
  'build/vm/arguments.ts',
  'build/vm/credentials.ts',
  'build/vm/plan.ts',
  'build/vm/qmp/protocol.ts',
  'build/vm/ssh-arguments.ts',
  'build/vm/transcript.ts',
  'daemons/etcd/api/metrics.ts',
  'daemons/etcd/auth/bcrypt.ts',
  'daemons/etcd/auth/blowfish.ts',
  'daemons/etcd/auth/rules.ts',
  'daemons/etcd/member/barriers.ts',
  'daemons/etcd/member/identity.ts',
  'daemons/etcd/member/proposals.ts',
  'daemons/etcd/member/reconfiguration.ts',
  'daemons/etcd/member/roster.ts',
  'daemons/etcd/member/sessions.ts',
  'daemons/etcd/raft/assert.ts',
  'daemons/etcd/raft/bytes.ts',
  'daemons/etcd/raft/codec.ts',
  'daemons/etcd/raft/core.ts',
  'daemons/etcd/raft/election.ts',
  'daemons/etcd/raft/inflights.ts',
  'daemons/etcd/raft/log.ts',
  'daemons/etcd/raft/membership.ts',
  'daemons/etcd/raft/message.ts',
  'daemons/etcd/raft/outbox.ts',
  'daemons/etcd/raft/planted.ts',
  'daemons/etcd/raft/progress.ts',
  'daemons/etcd/raft/proposal.ts',
  'daemons/etcd/raft/quorum.ts',
  'daemons/etcd/raft/raft.ts',
  'daemons/etcd/raft/read.ts',
  'daemons/etcd/raft/reads.ts',
  'daemons/etcd/raft/ready.ts',
  'daemons/etcd/raft/replication.ts',
  'daemons/etcd/raft/roles.ts',
  'daemons/etcd/raft/settings.ts',
  'daemons/etcd/raft/snapshot.ts',
  'daemons/etcd/raft/step.ts',
  'daemons/etcd/raft/transfer.ts',
  'daemons/etcd/raft/types.ts',
  'daemons/etcd/raft/writes.ts',
  'daemons/etcd/snap/format.ts',
  'daemons/etcd/store/answer.ts',
  'daemons/etcd/store/bytes.ts',
  'daemons/etcd/store/codec.ts',
  'daemons/etcd/store/errors.ts',
  'daemons/etcd/store/event.ts',
  'daemons/etcd/store/expiry.ts',
  'daemons/etcd/store/form.ts',
  'daemons/etcd/store/hash.ts',
  'daemons/etcd/store/history.ts',
  'daemons/etcd/store/node.ts',
  'daemons/etcd/store/operation.ts',
  'daemons/etcd/store/path.ts',
  'daemons/etcd/store/quote.ts',
  'daemons/etcd/store/records.ts',
  'daemons/etcd/store/render.ts',
  'daemons/etcd/store/request.ts',
  'daemons/etcd/store/restore.ts',
  'daemons/etcd/store/snapshot.ts',
  'daemons/etcd/store/stats.ts',
  'daemons/etcd/store/store.ts',
  'daemons/etcd/store/tree.ts',
  'daemons/etcd/store/watcher.ts',
  'daemons/etcd/store/watchers.ts',
  'daemons/etcd/wal/bytes.ts',
  'daemons/etcd/wal/crc32c.ts',
  'daemons/etcd/wal/frame.ts',
  'daemons/etcd/wal/history.ts',
  'daemons/etcd/wal/names.ts',
  'daemons/etcd/wal/planted.ts',
  'daemons/etcd/wal/problem.ts',
  'daemons/etcd/wal/record.ts',
  'daemons/etcd/wal/tail.ts',
  'daemons/etcdctl/command.ts',
  'daemons/etcdctl/exit.ts',
  'daemons/etcdctl/format.ts',
  'daemons/etcdctl/help.ts',
  'daemons/etcdctl/io.ts',
  'daemons/etcdctl/settings.ts',
  'daemons/lib/cli/duration.ts',
  'daemons/lib/cli/flags.ts',
  'daemons/lib/cli/help.ts',
  'daemons/lib/cli/quote.ts',
  'daemons/lib/errors.ts',
  'daemons/lib/etcd/errors.ts',
  'daemons/lib/etcd/failure.ts',
  'daemons/lib/etcd/request.ts',
  'daemons/lib/etcd/response.ts',
  'daemons/lib/etcd/rotation.ts',
  'daemons/lib/etcd/transport.ts',
  'daemons/lib/etcd/types.ts',
  'daemons/lib/etcd/url.ts',
  'daemons/lib/failpoint.ts',
  'daemons/lib/http/chars.ts',
  'daemons/lib/http/chunked.ts',
  'daemons/lib/http/cors.ts',
  'daemons/lib/http/head.ts',
  'daemons/lib/http/header.ts',
  'daemons/lib/http/limits.ts',
  'daemons/lib/http/lines.ts',
  'daemons/lib/http/method.ts',
  'daemons/lib/http/outbox.ts',
  'daemons/lib/http/parser.ts',
  'daemons/lib/http/path.ts',
  'daemons/lib/http/refusal.ts',
  'daemons/lib/http/reply.ts',
  'daemons/lib/http/request.ts',
  'daemons/lib/http/response.ts',
  'daemons/lib/http/status.ts',
  'daemons/lib/http/wheel.ts',
  'daemons/lib/metrics/metrics.ts',
  'daemons/lib/progress.ts',
  'daemons/lib/tls/certificate.ts',
  'daemons/lib/tls/der.ts',
  'update-engine/slots/boot.ts',
  'update-engine/slots/checksums.ts',
  'update-engine/slots/choice.ts',
  'update-engine/slots/every-state.ts',
  'update-engine/slots/grubenv.ts',
  'update-engine/slots/state.ts',
]

/** Parts of Node that compute only. */
const COMPUTING = new Set(['node:assert', 'node:crypto', 'node:path', 'node:util', 'node:zlib'])
/** What reaches for the clock, chance, the process, the network, or another turn of the event loop. */
const OUTSIDE =
  /(?<![.\w])(Date\.now|new Date\(\s*\)|Math\.random|random(Bytes|UUID|Int|FillSync|Fill)\(|(setTimeout|setInterval|setImmediate|queueMicrotask|fetch)\(|(performance|process|console|globalThis)\.)/

/** Pure files that are not, and entries of the list that name no file. */
export function checkPurity(sources: readonly Source[], pure: readonly string[] = PURE): string[] {
  const byPath = new Map(sources.map(source => [source.path, source]))
  const problems: string[] = []
  for (const path of pure) {
    const source = byPath.get(path)
    if (source === undefined)
      problems.push(`${path} is in the list of pure files (test/tidy/purity.ts) and gone`)
    else problems.push(...problemsOf(source, pure))
  }
  return problems
}

function problemsOf(source: Source, pure: readonly string[]): string[] {
  const { path, text } = source
  const problems: string[] = []
  for (const { specifier, typeOnly } of importsOf(text)) {
    if (typeOnly || COMPUTING.has(specifier)) continue
    const target = resolveImport(path, specifier)
    if (target === undefined || !pure.includes(target)) problems.push(`${path} is pure, ${specifier} is not`)
  }
  const lines = programOf(text).split('\n')
  for (const [index, line] of lines.entries()) {
    const word = OUTSIDE.exec(line)?.[0]
    if (word !== undefined) problems.push(`${path}:${index + 1} is pure and uses ${word}`)
  }
  return problems
}

import type { RunOptions } from './options.ts'
import type { SubjectOptions } from './subject.ts'
import type { NetworkOptions } from './world/network.ts'

interface Climate {
  run?: Partial<RunOptions>
  network?: Partial<NetworkOptions>
  syncMsMean?: number
  subject?: Partial<SubjectOptions>
}

const QUICK: Partial<SubjectOptions> = { preVote: false, checkQuorum: false, electionTicks: 2 }
/** Nobody comes, goes, or stands still. */
const STEADY: Partial<RunOptions> = {
  founders: 3,
  membershipMsMean: 0,
  diskLossMsMean: 0,
  pauseMsMean: 0,
  fullMsMean: 0,
  blackoutMsMean: 0,
}
const RESTLESS: Partial<NetworkOptions> = {
  partitions: ['isolate', 'split'],
  wholeMsMin: 100,
  wholeMsMean: 500,
  dividedMsMin: 100,
  dividedMsMean: 500,
}

/**
 * Some planted bugs need several rare things at once. In a run that looks for one, the weather is such that these are
 * not rare: what is enabled otherwise by a seed in a hundred is so in each. The bug itself is left to show by chance.
 */
const CLIMATES: Record<string, Climate> = {
  // Figure 8: leaders that fall before their first entry is everywhere, messages of one entry each.
  commitOldTerm: {
    run: {
      ...STEADY,
      strikeProbability: 0.9,
      strikeMsMean: 30,
      downMsMean: 100,
      thinkMsMean: 20,
      clients: 8,
    },
    network: { delayMsMin: 1, delayMsMean: 15, lossProbability: 0.1, partitions: [], clogProbability: 0 },
    syncMsMean: 2,
    subject: { ...QUICK, appendBytesMax: 1, inflightMessagesMax: 1, snapshotEntries: 1000 },
  },
  // A snapshot that the log holds already, a tail behind it that contradicts, and a commit that comes before entries.
  commitUnchecked: {
    run: {
      ...STEADY,
      clients: 16,
      thinkMsMean: 5,
      strikeProbability: 0.5,
      strikeMsMean: 200,
      downMsMean: 300,
    },
    network: { ...RESTLESS, delayMsMin: 1, delayMsMean: 30, lossProbability: 0.15 },
    syncMsMean: 1,
    subject: { ...QUICK, snapshotEntries: 5, keptEntries: 0, appendBytesMax: 1 },
  },
  // Members of one configuration on one side, of another one on the other.
  changesTogether: {
    run: { founders: 3, membersMax: 7, membershipMsMean: 60, diskLossMsMean: 0, thinkMsMean: 50 },
    network: { ...RESTLESS, delayMsMin: 1, delayMsMean: 5, lossProbability: 0.05 },
    syncMsMean: 1,
    subject: { ...QUICK, snapshotEntries: 20 },
  },
  // Few members, who come and go and fall.
  voteTellsNothing: {
    run: {
      founders: 2,
      membersMax: 2,
      diskLossMsMean: 0,
      membershipMsMean: 400,
      crashMsMean: 800,
      thinkMsMean: 5,
    },
    network: { delayMsMin: 5, delayMsMean: 50, lossProbability: 0.05, partitions: [], clogProbability: 0 },
    subject: { snapshotEntries: 1000 },
  },
  // The one that is left falls right then, and long enough for the other to be gone.
  removeAtOnce: {
    run: {
      founders: 2,
      membersMax: 2,
      diskLossMsMean: 0,
      membershipMsMean: 400,
      crashMsMean: 1500,
      downMsMean: 5000,
      strikeProbability: 0,
    },
    network: { delayMsMin: 20, delayMsMean: 100, lossProbability: 0.05, partitions: [], clogProbability: 0 },
    subject: { snapshotEntries: 1000 },
  },
  // A leader that falls after it has answered and before it has told; a slow disk under the next one.
  readEarly: {
    run: {
      ...STEADY,
      clients: 16,
      thinkMsMean: 5,
      strikeProbability: 0.9,
      strikeMsMean: 500,
      downMsMean: 500,
    },
    network: { delayMsMin: 1, delayMsMean: 5, lossProbability: 0.2, partitions: [], clogProbability: 0 },
    syncMsMean: 30,
    subject: { ...QUICK, snapshotEntries: 1000 },
  },
  // A leader alone that goes on writing, and others that forget soon.
  snapshotKeepsTail: {
    run: { ...STEADY, clients: 24, thinkMsMean: 5 },
    network: { ...RESTLESS, delayMsMin: 1, delayMsMean: 5, lossProbability: 0 },
    syncMsMean: 1,
    subject: { ...QUICK, snapshotEntries: 3, keptEntries: 0 },
  },
  // Two candidates of one term, and a voter that falls between their questions.
  voteUnsaved: {
    run: { ...STEADY, founders: 3, crashMsMean: 300, downMsMean: 20, thinkMsMean: 200 },
    network: { delayMsMin: 1, delayMsMean: 80, partitions: [], clogProbability: 0 },
    syncMsMean: 5,
    subject: { ...QUICK },
  },
  // Bits that flip soon, in logs that are long.
  skipCheck: { run: { flipMsMean: 300, thinkMsMean: 20 }, subject: { snapshotEntries: 1000 } },
  cutCorrupt: { run: { flipMsMean: 300, thinkMsMean: 20 }, subject: { snapshotEntries: 1000 } },
  // Tails that are torn again and again.
  skipRepair: {
    run: { ...STEADY, crashMsMean: 200, downMsMean: 50, thinkMsMean: 5, clients: 16 },
    syncMsMean: 20,
  },
}

/** The options of a run that looks for a planted bug. */
export function inClimate(name: string, options: RunOptions): RunOptions {
  const climate = CLIMATES[name]
  if (climate === undefined) return options
  const { syncMsMean = options.disk.syncMsMean } = climate
  return {
    ...options,
    ...climate.run,
    network: { ...options.network, ...climate.network },
    disk: { ...options.disk, syncMsMean },
    subject: { ...options.subject, ...climate.subject },
  }
}

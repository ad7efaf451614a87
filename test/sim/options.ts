import type { SubjectOptions } from './subject.ts'
import { CALM_DISK, type DiskOptions } from './world/disk.ts'
import { CALM_NETWORK, type NetworkOptions, type PartitionMode } from './world/network.ts'
import type { Random } from './world/random.ts'

/** All that a seed decides before its run begins. Each fault is on in some runs and off in others. */
export interface RunOptions {
  founders: number
  membersMax: number
  clients: number
  keys: number
  /** Pause of a client between two operations, on average, in milliseconds. */
  thinkMsMean: number
  network: NetworkOptions
  disk: DiskOptions
  clockDrift: number
  /** Milliseconds between two of each kind, on average; 0 for never. */
  killMsMean: number
  crashMsMean: number
  /** All machines at once. */
  blackoutMsMean: number
  pauseMsMean: number
  fullMsMean: number
  wallJumpMsMean: number
  flipMsMean: number
  diskLossMsMean: number
  membershipMsMean: number
  transferMsMean: number
  /** How likely a new leader is struck down at once, and how soon on average. */
  strikeProbability: number
  strikeMsMean: number
  /** How often one kind of message is kept away, from whom to whom ever, for how long, and how much of it. */
  filterMsMean: number
  filterLastsMsMean: number
  compactMsMean: number
  /** How long a machine stays down, or stands still. */
  downMsMean: number
  pausedMsMean: number
  subject: SubjectOptions
}

/** What a seed makes of a run: swarm testing, as a run with every fault at once hides what needs a calm sea. */
export function chooseOptions(random: Random, planted: ReadonlySet<string>): RunOptions {
  const some = (probability: number, low: number, high: number) => {
    const value = low * (high / low) ** random.next()
    return random.chance(probability) ? value : 0
  }
  const founders = random.pick([1, 3, 3, 3, 3, 5, 5, 4])
  return {
    founders,
    membersMax: founders + random.between(1, 2),
    clients: random.pick([2, 3, 4, 6, 8, 16]),
    keys: random.between(1, 4),
    thinkMsMean: some(1, 5, 400),
    network: chooseNetwork(random, some),
    disk: chooseDisk(random, some),
    clockDrift: some(0.4, 0.001, 0.2),
    killMsMean: some(0.5, 2000, 20_000),
    crashMsMean: some(0.6, 1500, 20_000),
    blackoutMsMean: some(0.3, 4000, 30_000),
    pauseMsMean: some(0.4, 3000, 20_000),
    fullMsMean: some(0.2, 10_000, 40_000),
    wallJumpMsMean: some(0.2, 5000, 20_000),
    flipMsMean: some(0.3, 5000, 30_000),
    diskLossMsMean: some(0.2, 15_000, 60_000),
    membershipMsMean: some(0.5, 1000, 15_000),
    transferMsMean: some(0.4, 1000, 15_000),
    compactMsMean: some(0.3, 1000, 10_000),
    strikeProbability: some(0.4, 0.05, 0.9),
    strikeMsMean: some(1, 1, 300),
    filterMsMean: some(0.3, 1000, 10_000),
    filterLastsMsMean: some(1, 100, 5000),
    downMsMean: some(1, 10, 5000),
    pausedMsMean: some(1, 100, 5000),
    subject: {
      planted,
      preVote: random.chance(0.6),
      checkQuorum: random.chance(0.6),
      electionTicks: random.pick([2, 4, 10]),
      snapshotEntries: random.pick([5, 20, 100, 1000]),
      keptEntries: random.pick([0, 5, 50]),
      segmentBytes: random.pick([8 * 1024, 64 * 1024]),
      appendBytesMax: random.pick([200, 1000, 512 * 1024]),
      inflightMessagesMax: random.pick([1, 2, 8, 256]),
    },
  }
}

type Some = (probability: number, low: number, high: number) => number

function chooseNetwork(random: Random, some: Some): NetworkOptions {
  const modes: PartitionMode[] = ['isolate', 'split', 'one-way']
  const partitions = random.chance(0.6) ? modes.filter(() => random.chance(0.6)) : []
  return {
    ...CALM_NETWORK,
    delayMsMin: some(1, 0.1, 10),
    delayMsMean: some(0.8, 0.2, 100),
    lossProbability: some(0.6, 0.001, 0.2),
    duplicateProbability: some(0.5, 0.001, 0.2),
    pathMessagesMax: random.pick([5, 50, 1000]),
    clogProbability: some(0.4, 0.0005, 0.01),
    clogMsMean: some(1, 50, 3000),
    partitions,
    wholeMsMin: some(1, 100, 3000),
    wholeMsMean: some(1, 100, 10_000),
    dividedMsMin: some(1, 50, 2000),
    dividedMsMean: some(1, 100, 5000),
  }
}

function chooseDisk(_random: Random, some: Some): DiskOptions {
  return {
    ...CALM_DISK,
    latencyMsMean: some(0.8, 0.01, 2),
    syncMsMean: some(0.9, 0.05, 50),
    stallProbability: some(0.3, 0.0002, 0.01),
    stallMsMean: some(1, 50, 2000),
    syncFailProbability: some(0.3, 0.0001, 0.003),
  }
}

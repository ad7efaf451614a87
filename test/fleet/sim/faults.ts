/** Everything that befalls a simulated fleet. */
export const FLEET_FAULTS = [
  'machine-crashed',
  'daemon-killed',
  'daemon-stopped',
  'daemon-suspended',
  'machine-suspended',
  'clock-leapt',
  'id-duplicated',
  'metadata-changed',
  'metadata-overlaid',
  'link-cut',
  'link-deaf',
  'answer-lost',
  'store-away',
  'store-slow',
  'store-electing',
  'store-full',
  'store-wiped',
  'history-short',
  'history-lost',
  'request-refused',
  'member-isolated',
  'member-lagging',
  'bus-away',
  'calls-slow',
  'jobs-slow',
  'call-failed',
  'unit-failed',
  'unit-ended',
] as const

/** The name of a fault. */
export type FleetFault = (typeof FLEET_FAULTS)[number]

/**
 * What fleetd and fleetctl call themselves. It begins with `v`, which keeps the original's clients from comparing it
 * with theirs (spec fleet a.5).
 */
export const FLEET_VERSION = 'v1.0.0-orlop'

import { FleetNode, type NodeOptions } from '../../../daemons/fleet/node.ts'

export type PlantedFleetBug = string

export function buildWith(_bug: PlantedFleetBug | undefined, options: NodeOptions): FleetNode {
  return new FleetNode(options)
}

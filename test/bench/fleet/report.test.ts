import t from 'tap'
import { type FleetCase, formatFleet, missedFleetGoals } from './report.ts'

const machine = {
  cpu: 'a processor',
  cores: 2,
  memoryMiB: 1024,
  kernel: '6.1',
  accelerator: 'tcg',
  node: '24.0.0',
  loadBefore: 0.1,
}
const LARGE: FleetCase = {
  machines: 1000,
  units: 10_000,
  scheduleSeconds: 0.0544,
  reactSeconds: 0.042,
  placeThroughEtcdSeconds: 2.04,
  reactThroughEtcdSeconds: 0.31,
  idleOpsPerMachinePerMinute: 78.04,
  heartbeatsPerMachinePerMinute: 79,
  rssMiB: 200,
}

t.test('the table', t => {
  const cluster = { machines: 3, units: 100, submittedSeconds: 1, launchedSeconds: 12.34, activeSeconds: 15 }
  const text = formatFleet({ cases: [LARGE], cluster, machine })
  t.match(text, '| 1000 | 10000 | 54 ms, 2.0 s | 42 ms, 0.3 s | 78 reached | 79 | 200 |')
  t.match(
    text,
    '100 units on 3 virtual machines, from `fleetctl start`: submitted after 1.0 s, launched after 12.3 s',
  )
  t.match(text, 'guests under TCG')
  t.notMatch(formatFleet({ cases: [LARGE], machine }), 'virtual machines')
  const worse = { ...LARGE, idleOpsPerMachinePerMinute: 79.1 }
  t.match(formatFleet({ cases: [worse], machine }), '| 79.1 **missed** | 79 |')
  t.end()
})

t.test('goals', t => {
  t.same(missedFleetGoals({ cases: [LARGE], machine }), [])
  t.match(missedFleetGoals({ cases: [{ ...LARGE, scheduleSeconds: 10 }], machine }), [/placed in 10 s, not/])
  t.match(missedFleetGoals({ cases: [{ ...LARGE, idleOpsPerMachinePerMinute: 80 }], machine }), [
    /80 requests/,
  ])
  t.match(missedFleetGoals({ cases: [{ ...LARGE, machines: 999 }], machine }), [/no case of 1000/])
  t.end()
})

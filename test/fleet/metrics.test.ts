import t from 'tap'
import { TestFleet } from './lib/fleet.ts'

const TEXT = '[Service]\nExecStart=/bin/sleep 1\n'

t.test('what an engine counts, under the names of the original', async t => {
  const fleet = new TestFleet()
  const a = fleet.add('a', { metadata: { disk: 'ssd' } })
  const text = (): string => a.node!.metrics.text()
  const counted = async (line: string): Promise<boolean> =>
    await fleet.clock.until(() => text().split('\n').includes(line), 120_000)
  await fleet.put('u.service', `${TEXT}[X-Fleet]\nMachineMetadata=disk=ssd\n`, 'launched')
  t.ok(await counted('fleet_engine_task_count_total{type="attemptscheduleunit"} 1'))
  t.match(text(), /^fleet_engine_leader_start_time 1\d{9}/m)
  t.match(text(), /^fleet_engine_reconcile_count_total [1-9]/m)

  await fleet.put('none.service', `${TEXT}[X-Fleet]\nMachineMetadata=disk=tape\n`, 'launched')
  t.ok(await counted('fleet_engine_reconcile_failure_count_total{type="schedule"} 1'))

  const { client, keys } = fleet
  await fleet.pass(client.keys.set(keys.metadata('a', 'disk'), 'hdd'))
  t.ok(await counted('fleet_engine_reconcile_failure_count_total{type="run"} 1'))
  t.ok(await counted('fleet_engine_task_count_total{type="unscheduleunit"} 1'))

  const b = fleet.add('b', { metadata: { disk: 'ssd' } })
  t.ok(await fleet.clock.until(() => b.systemd.running.length === 1, 60_000))
  await fleet.crash(b)
  t.ok(await counted('fleet_engine_reconcile_failure_count_total{type="machine_away"} 1'))

  await fleet.close()
})

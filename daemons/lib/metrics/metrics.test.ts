import t from 'tap'
import { labelText, Metrics } from './metrics.ts'

t.test('the text for Prometheus', t => {
  const metrics = new Metrics()
  const asked = metrics.counter('asked_total', 'How often.\nIt was asked.')
  const took = metrics.histogram('took_seconds', 'How long it took.', [0.001, 0.5, 2])
  metrics.gauge('level', 'How high.', () => 2.5)
  metrics.gauge('unknown', 'Left out.', () => undefined)
  metrics.gauges('peers', 'Of each.', () => [
    { labels: { to: 'a"b\\c\nd' }, value: 1 },
    { labels: { to: 'e' }, value: 3_000_000 },
  ])
  metrics.total('bytes_total', 'All.', () => [{ labels: {}, value: 1e6 }])
  asked.add(1, labelText({ method: 'PUT' }))
  asked.add(2, labelText({ method: 'GET' }))
  asked.add(1, labelText({ method: 'PUT' }))
  for (const value of [0.0005, 0.001, 0.3, 7]) took.observe(value)
  t.equal(
    metrics.text(),
    `# HELP asked_total How often.\\nIt was asked.
# TYPE asked_total counter
asked_total{method="GET"} 2
asked_total{method="PUT"} 2
# HELP bytes_total All.
# TYPE bytes_total counter
bytes_total 1e+06
# HELP level How high.
# TYPE level gauge
level 2.5
# HELP peers Of each.
# TYPE peers gauge
peers{to="a\\"b\\\\c\\nd"} 1
peers{to="e"} 3e+06
# HELP took_seconds How long it took.
# TYPE took_seconds histogram
took_seconds_bucket{le="0.001"} 2
took_seconds_bucket{le="0.5"} 3
took_seconds_bucket{le="2"} 3
took_seconds_bucket{le="+Inf"} 4
took_seconds_sum 7.3015
took_seconds_count 4
`,
  )
  t.end()
})

t.test('histograms told apart by labels, without those that saw nothing', t => {
  const metrics = new Metrics()
  const family = metrics.histograms('took_seconds', 'How long.', [1, 2])
  family.of({ method: 'GET' }).observe(1.5)
  family.of({ method: 'GET' }).observe(0.5)
  family.of({ method: 'PUT' })
  t.equal(
    metrics.text(),
    `# HELP took_seconds How long.
# TYPE took_seconds histogram
took_seconds_bucket{method="GET",le="1"} 1
took_seconds_bucket{method="GET",le="2"} 2
took_seconds_bucket{method="GET",le="+Inf"} 2
took_seconds_sum{method="GET"} 2
took_seconds_count{method="GET"} 2
`,
  )
  t.end()
})

t.test('what cannot be', t => {
  const metrics = new Metrics()
  metrics.counter('a', '')
  t.throws(() => metrics.counter('a', ''), /two metrics a/)
  t.throws(() => metrics.counter('a-b', ''), /no name/)
  t.throws(() => metrics.histogram('b', '', [1, 1]), /do not ascend/)
  t.equal(metrics.text(), '', 'nothing was counted')
  t.end()
})

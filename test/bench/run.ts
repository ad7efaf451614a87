// `npm run bench`: what can be measured.

const BENCHES: [command: string, measures: string][] = [
  [
    'npm run bench:etcd',
    'our etcd beside the original: requests, watchers, memory, failover (about 15 minutes, 3 with `-- --quick`)',
  ],
  ['npm run bench:fleet', 'fleet of 3, 100 and 1,000 machines with 10,000 units: placing, requests, memory'],
  ['npm run bench:image', 'building the image, its size, boot time, memory when idle (about 15 minutes)'],
]

console.log('Each bench prints its table, writes bench-results/NAME.json and the table in docs/numbers.md.\n')
for (const [command, measures] of BENCHES) console.log(`  ${command.padEnd(24)} ${measures}`)

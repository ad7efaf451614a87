#!/usr/bin/env node
// The `orlop` command: hands over to main.ts on the pinned Node.
import { launch } from './launch.mjs'

launch('build/cli/main.ts', process.argv.slice(2))

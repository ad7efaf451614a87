/** What this program offers to others that work on its data: `etcdctl backup`. */
export { type BackupPlan, type BackupReport, backUpData } from './backup/host/copy.ts'

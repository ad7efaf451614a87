import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { errorCode, UserError } from '#lib/errors.ts'
import type { MachineOptions } from '../../plan.ts'
import { readJson, writeJson } from '../../service.ts'
import { startSwitch, stopSwitch } from '../../switch/host/start.ts'
import { type ClusterConfig, DEFAULT_CONFIG, parseConfig } from '../config.ts'
import { DOMAIN, HOST_ADDRESS, type Member, memberMetadata, memberNamed, planMembers } from '../members.ts'
import { emulatedPace, fillToken, isRegistered, needsToken } from '../userdata.ts'
import { Discovery } from './discovery.ts'

/** Where things of a cluster are. */
export interface ClusterPlaces {
  /** Folder of this user's state; the cluster gets a folder in it, beside `machines`. */
  home: string
  /** The repository. */
  root: string
  /** The config that was asked for by name: it has to be there. */
  config?: string
  /** The config that is taken when it is there. */
  defaultConfig: string
}

/** What is kept about a cluster from command to command. */
interface ClusterRecord {
  version: 1
  /** The token that its members find one another by. */
  token?: string
  /** For so many members. */
  tokenSize?: number
  /** Machines that can not be founders any more, because there is a cluster: those that come anew, or late. */
  late: string[]
}

const FOLDER = 'cluster'
const USER_DATA_BYTES_MAX = 1024 * 1024
const SAMPLE = 'image/examples/user-data'
/** Name of the user-data in the firmware of a machine. */
const USER_DATA_NAME = 'opt/io.orlop/config'
const METADATA_NAME = 'opt/io.orlop/metadata'
/** What etcd.service reads before it starts. */
const ETCD_ENVIRONMENT = '/run/etcd.env'

/** The machines of this user that form a cluster, with what they share. */
export class Cluster {
  readonly config: ClusterConfig
  /** What of the config has no effect, by line. */
  readonly notes: readonly string[]
  readonly #places: ClusterPlaces
  readonly #userDataPath: string
  readonly #discovery: Discovery

  private constructor(places: ClusterPlaces, config: ClusterConfig, notes: string[], userDataPath: string) {
    this.#places = places
    this.config = config
    this.notes = notes
    this.#userDataPath = userDataPath
    this.#discovery = new Discovery(join(this.folder, 'discovery'), places.root)
  }

  /**
   * Reads the config.
   *
   * @throws UserError when it is wrong, or is not there though it was named
   */
  static async open(places: ClusterPlaces): Promise<Cluster> {
    const path = places.config ?? places.defaultConfig
    const text = await readConfig(path, places.config !== undefined)
    const { config, notes } =
      text === undefined ? { config: DEFAULT_CONFIG, notes: [] } : parseConfig(text, path)
    const userData =
      config.userData === undefined ? join(places.root, SAMPLE) : resolve(dirname(path), config.userData)
    return new Cluster(places, config, notes, userData)
  }

  /** Everything of the cluster that is of no single machine. */
  get folder(): string {
    return join(this.#places.home, FOLDER)
  }

  /** The machines that the config asks for, or so many of them. */
  members(count = this.config.numInstances): Member[] {
    return planMembers({ ...this.config, numInstances: count })
  }

  /** The machine of this name; undefined when it is no name of this cluster. */
  member(name: string): Member | undefined {
    return memberNamed(this.config, name)
  }

  /** The user-data before a token is filled in. */
  async userData(path = this.#userDataPath): Promise<string> {
    try {
      const bytes = await readFile(path)
      if (bytes.length > USER_DATA_BYTES_MAX)
        throw new UserError(`${path}: is longer than ${USER_DATA_BYTES_MAX} bytes`)
      return bytes.toString('utf8')
    } catch (error) {
      if (errorCode(error) === 'ENOENT') throw new UserError(`${path}: there is no such user-data`)
      throw error
    }
  }

  /**
   * Starts what machines share, and gives what each of them is started with beside its disk.
   *
   * @param count how many machines a new cluster is for
   * @param fresh names of machines that begin with an empty disk
   * @param isEmulated whether they run without KVM
   */
  async prepare(
    members: readonly Member[],
    userData: string,
    { count, fresh, isEmulated }: { count: number; fresh: readonly string[]; isEmulated: boolean },
  ): Promise<Map<string, Partial<MachineOptions>>> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    const known = new Map([...this.members(), ...this.members(count), ...members].map(one => [one.name, one]))
    const ports = [...known.values()].map(({ name, address }) => ({ name, address }))
    const hub = await startSwitch(join(this.folder, 'switch'), ports, {
      address: HOST_ADDRESS,
      domain: DOMAIN,
    })
    hub.close()
    const record = await this.#record()
    const text = needsToken(userData) ? await this.#fill(userData, record, { count, fresh }) : userData
    const pace = isEmulated ? emulatedPace(userData) : undefined
    const guestFiles = pace === undefined ? [] : [{ path: ETCD_ENVIRONMENT, mode: '0644', content: pace }]
    return new Map(
      members.map(member => [
        member.name,
        {
          switchPort: { socket: `../../cluster/switch/${member.name}.sock`, mac: member.mac },
          address: member.address,
          forwards: member.forwards,
          guestFiles,
          firmwareFiles: {
            [USER_DATA_NAME]: text,
            [METADATA_NAME]: memberMetadata(member, {
              ...(record.late.includes(member.name) ? { late: [...known.values()] } : {}),
              channel: this.config.updateChannel,
            }),
          },
        },
      ]),
    )
  }

  /** Ends what machines share, whatever the config says. */
  static async stop({ home, root }: ClusterPlaces): Promise<void> {
    const folder = join(home, FOLDER)
    await stopSwitch(join(folder, 'switch'))
    await new Discovery(join(folder, 'discovery'), root).stop()
  }

  async #fill(
    userData: string,
    record: ClusterRecord,
    { count, fresh }: { count: number; fresh: readonly string[] },
  ): Promise<string> {
    const base = await this.#discovery.start()
    const registered = record.token === undefined ? undefined : await this.#discovery.members(record.token)
    if (registered === undefined || (registered.length === 0 && record.tokenSize !== count)) {
      // Nobody has used the one there is.
      record.token = await this.#discovery.token(count)
      record.tokenSize = count
      record.late = []
    } else {
      const full = registered.length >= (record.tokenSize ?? 0)
      const late = fresh.filter(name => full || isRegistered(registered, this.member(name)?.address ?? ''))
      record.late = [...new Set([...record.late, ...late])]
    }
    await writeJson(this.#recordPath, record)
    return fillToken(userData, `${base}/${record.token}`)
  }

  async #record(): Promise<ClusterRecord> {
    const record = await readJson<ClusterRecord>(this.#recordPath)
    return record?.version === 1 ? record : { version: 1, late: [] }
  }

  get #recordPath(): string {
    return join(this.folder, 'cluster.json')
  }
}

async function readConfig(path: string, needed: boolean): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    if (needed) throw new UserError(`${path}: there is no such config`)
    return undefined
  }
}

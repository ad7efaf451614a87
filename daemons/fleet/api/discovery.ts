const STATES = { type: 'string', enum: ['inactive', 'loaded', 'launched'] }
const STRING = { type: 'string' }

function listOf(id: string): object {
  return { type: 'array', items: { $ref: id } }
}

function pageSchema(id: string, key: string, item: string): object {
  return { id, type: 'object', properties: { [key]: listOf(item), nextPageToken: STRING } }
}

const SCHEMAS = {
  Machine: {
    id: 'Machine',
    type: 'object',
    properties: {
      id: { ...STRING, required: true },
      primaryIP: STRING,
      metadata: { type: 'object', properties: {}, additionalProperties: STRING },
    },
  },
  MachinePage: pageSchema('MachinePage', 'machines', 'Machine'),
  UnitOption: {
    id: 'UnitOption',
    type: 'object',
    properties: { section: STRING, name: STRING, value: STRING },
  },
  Unit: {
    id: 'Unit',
    type: 'object',
    properties: {
      name: { ...STRING, required: true },
      options: listOf('UnitOption'),
      desiredState: STATES,
      currentState: STATES,
      machineID: { ...STRING, required: true },
    },
  },
  UnitPage: pageSchema('UnitPage', 'units', 'Unit'),
  UnitState: {
    id: 'UnitState',
    type: 'object',
    properties: {
      name: STRING,
      hash: STRING,
      machineID: STRING,
      systemdLoadState: STRING,
      systemdActiveState: STRING,
      systemdSubState: STRING,
    },
  },
  UnitStatePage: pageSchema('UnitStatePage', 'states', 'UnitState'),
}

const TOKEN = { nextPageToken: { ...STRING, location: 'query' } }
const NAME = { unitName: { ...STRING, location: 'path', required: true } }

/** The document from which clients of the API are generated (spec fleet b.6). */
export const DISCOVERY = {
  kind: 'discovery#restDescription',
  discoveryVersion: 'v1',
  id: 'fleet:v1',
  name: 'schema',
  version: 'v1',
  title: 'fleet API',
  description: '',
  documentationLink: '',
  protocol: 'rest',
  baseUrl: '$ENDPOINT/fleet/v1/',
  basePath: '/fleet/v1/',
  rootUrl: '$ENDPOINT/',
  servicePath: 'fleet/v1/',
  batchPath: 'batch',
  schemas: SCHEMAS,
  resources: {
    Machines: {
      methods: {
        List: method('fleet.Machine.List', 'GET', 'machines', TOKEN, 'MachinePage'),
      },
    },
    Units: {
      methods: {
        List: method('fleet.Unit.List', 'GET', 'units', TOKEN, 'UnitPage'),
        Get: method('fleet.Unit.Get', 'GET', 'units/{unitName}', NAME, 'Unit'),
        Delete: method('fleet.Unit.Delete', 'DELETE', 'units/{unitName}', NAME),
        Set: { ...method('fleet.Unit.Set', 'PUT', 'units/{unitName}', NAME), request: { $ref: 'Unit' } },
      },
    },
    UnitState: {
      methods: {
        Get: method('fleet.UnitState.Get', 'GET', 'state/{unitName}', NAME, 'UnitState'),
        List: method(
          'fleet.UnitState.List',
          'GET',
          'state',
          {
            ...TOKEN,
            unitName: { ...STRING, location: 'query' },
            machineID: { ...STRING, location: 'query' },
          },
          'UnitStatePage',
        ),
      },
    },
  },
}

function method(id: string, httpMethod: string, path: string, parameters: object, response?: string): object {
  const parameterOrder = Object.entries(parameters)
    .filter(([, parameter]) => parameter.location === 'path')
    .map(([name]) => name)
  const order = parameterOrder.length === 0 ? {} : { parameterOrder }
  return {
    id,
    httpMethod,
    path,
    parameters,
    ...order,
    ...(response === undefined ? {} : { response: { $ref: response } }),
  }
}

/**
 * Units that CoreOS had and this system has not, with what to say of each. What is told to them is passed over, unless
 * the configuration brings a unit of that name along.
 */
const GONE: Readonly<Record<string, string>> = {
  'flanneld.service': 'flannel is not in the image: containers of one machine share a bridge',
  'early-docker.service': 'there is no second Docker for flannel',
  'early-docker.socket': 'there is no second Docker for flannel',
  'early-docker.target': 'there is no second Docker for flannel',
  'docker-tcp.socket': 'there is no unit of this name in the image: give its content',
  'etcd-member.service': 'the unit is etcd2.service, and is no container',
  'settimezone.service': 'there is no unit of this name in the image: give its content',
  'rkt-api.service': 'rkt is not in the image',
  'rkt-metadata.service': 'rkt is not in the image',
  'rkt-metadata.socket': 'rkt is not in the image',
  'locksmithd.service': 'locksmith is not in this image yet',
  'update-engine.service': 'update_engine is not in this image yet',
}

/** Why there is no unit of this name in the image; undefined for all others. */
export function whyGone(unit: string): string | undefined {
  return Object.hasOwn(GONE, unit) ? GONE[unit] : undefined
}

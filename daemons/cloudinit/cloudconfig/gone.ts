/**
 * Units that CoreOS had and this system has not, with what to say of each. What is told to them is passed over, unless
 * the configuration brings a unit of that name along.
 */
export const GONE: Readonly<Record<string, string>> = {
  'flanneld.service': 'flannel is not in the image: containers of one machine share a bridge',
  'early-docker.service': 'there is no second Docker for flannel',
  'early-docker.socket': 'there is no second Docker for flannel',
  'settimezone.service': 'write it yourself, it is two lines',
  'rkt-api.service': 'rkt is not in the image',
  'fleet.service': 'fleet is not in this image yet',
  'fleet.socket': 'fleet is not in this image yet',
  'locksmithd.service': 'locksmith is not in this image yet',
  'update-engine.service': 'update_engine is not in this image yet',
}

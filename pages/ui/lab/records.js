// Records of `core.common.packing`: facts and typed arrays, read where they lie.

const ARRAYS = { uint8: Uint8Array, uint16: Uint16Array, int16: Int16Array, int32: Int32Array, float32: Float32Array }
const fetched = new Map() // address -> promise; addresses are named after their content

function unpack(buffer) {
  const records = []
  const view = new DataView(buffer)
  for (let place = 0; place < buffer.byteLength; ) {
    const headerSize = view.getUint32(place + 4, true)
    const bodySize = view.getUint32(place + 8, true)
    const start = place + 16 + headerSize
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, place + 16, headerSize)))
    const record = { facts: header.facts }
    for (const { name, kind, shape, offset } of header.arrays) {
      const count = shape.reduce((a, b) => a * b, 1)
      record[name] = new ARRAYS[kind](buffer, start + offset, count)
    }
    records.push(record)
    place = start + bodySize
  }
  return records
}

function load(address) {
  if (!fetched.has(address)) {
    const asked = fetch(address).then((answer) => {
      if (!answer.ok) throw new Error(`${address}: ${answer.status}`)
      return answer.arrayBuffer()
    })
    fetched.set(address, asked.then(unpack))
    asked.catch(() => fetched.delete(address)) // another try may find it
    if (fetched.size > 600) fetched.delete(fetched.keys().next().value)
  }
  return fetched.get(address)
}

// The records of several files, asked for at once.
async function loadAll(addresses) {
  return (await Promise.all(addresses.map(load))).flat()
}

// What a component keeps from one call of Streamlit to the next. Each call waits for the script, and calls that wait together
// come in any order: one that was overtaken may come last, with older data, and is then ended at once. So an end is the end
// only where the root has left the page; else what was given before it holds.

const mounted = new WeakMap() // root -> what `make` made, and what it was given
const SOME = 8 // as many calls may wait together

function mount(root, make, ...given) {
  let entry = mounted.get(root)
  if (!entry || !root.contains(entry.part.host)) {
    entry?.part.close()
    entry = { part: make(root), calls: [] }
    mounted.set(root, entry)
  }
  const { part } = entry
  entry.calls = [...entry.calls, given].slice(-SOME)
  part.receive(...given)
  return () => {
    if (!root.isConnected) {
      part.close()
      if (mounted.get(root) === entry) mounted.delete(root)
      return
    }
    const last = entry.calls.at(-1)
    entry.calls = entry.calls.filter((call) => call !== given)
    if (last === given && entry.calls.length) part.receive(...entry.calls.at(-1))
  }
}

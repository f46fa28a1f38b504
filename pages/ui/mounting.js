// What a component keeps from one call of Streamlit to the next. Calls overtake one another: while one still waits for the
// script, the next may have begun, and the end of the first is told only then. So the end of the last call alone is the end.

const mounted = new WeakMap() // root -> what `make` made, and how often it was called

function mount(root, make) {
  let entry = mounted.get(root)
  if (!entry || !root.contains(entry.part.host)) {
    entry?.part.close()
    entry = { part: make(root), calls: 0 }
    mounted.set(root, entry)
  }
  const call = (entry.calls += 1)
  const end = () => {
    if (call !== entry.calls) return
    entry.part.close()
    if (mounted.get(root) === entry) mounted.delete(root)
  }
  return [entry.part, end]
}

// The slider through a run, with its scores and its loss drawn along it.

const CURVES = [
  ["acc", "ACC"],
  ["nmi_geometric", "NMI"],
  ["silhouette", "Silhouette"],
]

class Timeline extends Panel {
  constructor(host, lab) {
    super(host, "Course of the run")
    this.lab = lab
    const go = (event) => lab.go((this.at(event)[0] - this.left) / this.span)
    this.onDrag((path, event) => path && go(event), (path, far, event) => go(event))
    this.canvas.style.cursor = "ew-resize"
    this.canvas.onpointermove = (event) => this.dragging(event)
  }

  draw() {
    const { context, lab } = this
    this.clear()
    this.left = 6
    this.span = this.width - 100
    const [film] = lab.films
    if (!film.frames.length) return
    const present = CURVES.filter(([name]) => film.frames.some((frame) => frame.facts.scores?.[name] !== undefined)).slice(0, 2)
    const base = this.height - 6
    const tall = base - 8
    const x = (i) => this.left + (film.last ? (i / film.last) * this.span : this.span)
    context.lineWidth = 1
    context.strokeStyle = lab.dark ? "#33404c" : "#dfe5e9"
    context.strokeRect(this.left, base - tall, this.span, tall)
    const names = this.stages(film, x, base - tall, base)
    this.loss(film, x, base, tall)
    const tones = [lab.accent, lab.second]
    const ends = []
    present.forEach(([name, title], k) => {
      context.strokeStyle = tones[k]
      context.lineWidth = 1.8
      context.beginPath()
      let latest = null
      film.frames.forEach((frame, i) => {
        const value = frame.facts.scores?.[name]
        if (value === undefined) return
        latest = value
        context.lineTo(x(i), base - Math.max(0, value) * tall)
      })
      context.stroke()
      ends.push([Math.min(base - 4, Math.max(base - tall + 4, base - latest * tall)), title, tones[k]])
    })
    for (const [stage, at] of names) this.halo(stage, at, base - 12) // over the curves, which would cross them out
    if (lab.hasLoss) ends.push([base - 4, "loss", lab.faint])
    ends.sort((a, b) => a[0] - b[0])
    ends.forEach((end, k) => k && (end[0] = Math.max(end[0], ends[k - 1][0] + 12)))
    context.textAlign = "left"
    context.textBaseline = "middle"
    context.font = `${lab.type - 1}px ${lab.font}`
    for (const [y, title, tone] of ends) {
      context.fillStyle = tone
      context.fillText(title, this.left + this.span + 10, Math.min(y, this.height - 6))
    }
    const now = this.left + lab.time * this.span
    context.fillStyle = lab.accent
    context.fillRect(now - 1, base - tall - 2, 2, tall + 4)
    context.beginPath()
    context.arc(now, base - tall - 1, 5, 0, 7)
    context.fill()
  }

  halo(words, x, y) {
    const { context, lab } = this
    Object.assign(context, { font: `${lab.type - 2}px ${lab.font}`, textBaseline: "top", textAlign: "left" })
    Object.assign(context, { lineWidth: 3, strokeStyle: lab.ground, fillStyle: lab.faint })
    context.strokeText(words, x, y)
    context.fillText(words, x, y)
  }

  // Draws where stages meet; returns their names, and where there is room for them.
  stages(film, x, top, base) {
    const { context, lab } = this
    const names = []
    context.font = `${lab.type - 2}px ${lab.font}`
    let before = null
    let free = -1
    film.frames.forEach((frame, i) => {
      const { stage } = frame.facts
      if (stage === before) return
      if (i) {
        context.fillStyle = lab.dark ? "#33404c" : "#dfe5e9"
        context.fillRect(x(i - 0.5), top, 1, base - top)
      }
      before = stage
      if (x(i) < free || stage === "final") return
      names.push([stage, x(i - (i ? 0.5 : 0)) + 4])
      free = x(i) + 8 + context.measureText(stage).width
    })
    return names
  }

  // Each stage minimises something else, so each has a scale of its own.
  loss(film, x, base, tall) {
    const { context, lab } = this
    const stages = new Map()
    film.frames.forEach((frame, i) => {
      const { stage, loss } = frame.facts
      if (Number.isFinite(loss)) stages.set(stage, [...(stages.get(stage) ?? []), [i, loss]])
    })
    lab.hasLoss = stages.size > 0
    context.strokeStyle = lab.dark ? "#6b7884" : "#aab4bc"
    context.lineWidth = 1.3
    for (const points of stages.values()) {
      const values = points.map(([, loss]) => loss)
      const [low, high] = [Math.min(...values), Math.max(...values)]
      context.beginPath()
      for (const [i, loss] of points) context.lineTo(x(i), base - 3 - (high > low ? (loss - low) / (high - low) : 0.5) * (tall - 22) - 8)
      context.stroke()
    }
  }
}

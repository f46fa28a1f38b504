// Classes against clusters; a cell chooses its samples. Without classes, the sizes of the clusters.

class Confusion extends Panel {
  constructor(host, lab, film) {
    super(host, "Confusion of classes and clusters")
    this.lab = lab
    this.film = film
    this.canvas.onclick = (event) => {
      const cell = this.cell(this.at(event))
      if (!cell) return lab.choose(null)
      lab.choose(null, film.y ? `cell:${cell[0]}:${cell[1]}` : `cluster:${cell[1]}`)
    }
    this.canvas.onpointermove = (event) => {
      const cell = this.cell(this.at(event))
      this.canvas.style.cursor = cell ? "pointer" : "default"
      lab.tell(cell ? this.words(cell) : "", event)
    }
    this.canvas.onpointerleave = () => lab.tell("")
  }

  words([row, column]) {
    const count = this.counts[row * this.columns + column]
    const { film } = this
    if (!film.y) return `cluster ${column}: ${count} samples`
    return `class ${film.name(row)} in cluster ${film.name(column)}: ${count} of ${this.sums[row]}`
  }

  draw() {
    const { context, lab, film } = this
    this.clear()
    const i = film.index(lab.time)
    const labels = film.labels(i)
    if (!labels) return
    const columns = (this.columns = film.facts.groups)
    const rows = film.y ? film.facts.classes.length : 1
    const counts = (this.counts = new Int32Array(rows * columns))
    for (let s = 0; s < film.n; s++) if (!film.y || film.known(s)) counts[(film.y ? film.y[s] : 0) * columns + labels[s]]++
    this.sums = Array.from({ length: rows }, (_, r) => counts.subarray(r * columns, (r + 1) * columns).reduce((a, b) => a + b, 0))
    const inset = (this.inset = [film.y ? 64 : 8, 24])
    const wide = Math.min((this.width - inset[0] - 4) / columns, 46)
    const high = Math.min((this.height - inset[1] - 4) / rows, film.y ? 30 : 60)
    this.unit = [wide, high]
    const [r, g, b] = channels(lab.accent)
    context.textBaseline = "middle"
    context.textAlign = "center"
    context.font = `${lab.type - 1}px ${lab.font}`
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        const count = counts[row * columns + column]
        const share = count / (film.y ? this.sums[row] || 1 : Math.max(...counts))
        const [x, y] = [inset[0] + column * wide, inset[1] + row * high]
        context.fillStyle = `rgba(${r},${g},${b},${count ? 0.1 + 0.9 * share : 0.03})`
        context.fillRect(x, y, wide - 1, high - 1)
        if (count && wide > 17 && high > 10) {
          context.fillStyle = share > 0.5 ? lab.ground : lab.ink
          context.fillText(count, x + wide / 2, y + high / 2)
        }
      }
    context.fillStyle = lab.faint
    const every = Math.ceil(14 / high)
    context.textAlign = "right"
    if (film.y)
      for (let row = 0; row < rows; row += every) context.fillText(film.name(row).slice(0, 9), inset[0] - 6, inset[1] + (row + 0.5) * high)
    context.textAlign = "center"
    const skip = Math.ceil(Math.max(...Array.from({ length: columns }, (_, k) => film.name(k).slice(0, 6).length * 7 + 4)) / wide)
    for (let column = 0; column < columns; column += skip) {
      context.fillStyle = lab.tone(film, column)
      context.fillText(film.name(column).slice(0, 6), inset[0] + (column + 0.5) * wide, inset[1] - 9)
    }
  }

  cell([x, y]) {
    if (!this.unit) return null
    const [column, row] = [Math.floor((x - this.inset[0]) / this.unit[0]), Math.floor((y - this.inset[1]) / this.unit[1])]
    const rows = this.film.y ? this.film.facts.classes.length : 1
    return column >= 0 && column < this.columns && row >= 0 && row < rows ? [row, column] : null
  }
}

// The samples behind the points: one under the pointer, and those that are chosen.

class Pictures {
  constructor(host, lab) {
    this.lab = lab
    this.host = host
    this.most = 96
  }

  // A small canvas with the picture of a sample, enlarged without blur.
  picture(film, sample, side) {
    const { sprite } = film
    const canvas = document.createElement("canvas")
    const { width, height, columns } = film.facts.sprite
    const scale = side / Math.max(width, height)
    canvas.width = Math.round(width * scale)
    canvas.height = Math.round(height * scale)
    const context = canvas.getContext("2d")
    context.imageSmoothingEnabled = false
    const [column, row] = [sample % columns, Math.floor(sample / columns)]
    context.drawImage(sprite, column * width, row * height, width, height, 0, 0, canvas.width, canvas.height)
    return canvas
  }

  draw() {
    const { lab, host } = this
    const [film] = lab.films
    if (!film) return // a sheet of pictures that came before the frames
    host.replaceChildren()
    const words = document.createElement("p")
    host.append(words)
    if (!lab.chosen) {
      words.textContent = film.y
        ? "Draw around points, drag over the matrix, or click a cell, a cluster or a picture: what you choose is marked everywhere."
        : "Draw around points, drag over the matrix, or click a cluster: what you choose is marked everywhere."
      return
    }
    const samples = [...lab.chosen].sort((a, b) => a - b)
    const labels = film.labels(film.index(lab.time))
    const wrong = film.y && labels ? samples.filter((s) => film.wrong(s, labels)).length : null
    words.textContent =
      `${samples.length.toLocaleString()} chosen` +
      (wrong === null ? "" : `, ${wrong.toLocaleString()} in another cluster than their class`) +
      (samples.length > this.most ? `; the first ${this.most} shown` : "")
    const sheet = document.createElement("div")
    sheet.className = "sheet"
    for (const sample of samples.slice(0, this.most)) {
      const tile = document.createElement("button")
      tile.type = "button"
      if (film.sprite) tile.append(this.picture(film, sample, 44))
      const name = document.createElement("span")
      const right = !labels || !film.wrong(sample, labels)
      name.textContent = !labels ? `${sample}` : right ? film.name(labels[sample]) : `${film.name(film.y[sample])}→${film.name(labels[sample])}`
      tile.append(name)
      tile.style.borderColor = labels ? lab.tone(film, labels[sample]) : "transparent"
      tile.classList.toggle("wrong", !right)
      tile.title = film.tell(sample, film.index(lab.time))
      tile.onclick = () => lab.inspect(sample)
      tile.onpointerenter = () => lab.mark(sample)
      tile.onpointerleave = () => lab.mark(-1)
      sheet.append(tile)
    }
    host.append(sheet)
  }
}

Film.prototype.tell = function (sample, i) {
  const labels = this.labels(i)
  const circle = this.latest("circle", i)
  const parts = [`sample ${sample}`]
  if (this.y) parts.push(this.known(sample) ? `class ${this.name(this.y[sample])}` : "no label")
  if (labels) parts.push(`cluster ${this.name(labels[sample])}${this.known(sample) ? (this.wrong(sample, labels) ? " ✗" : " ✓") : ""}`)
  if (circle?.sure) {
    this.places_of ??= new Map([...this.shown].map((s, j) => [s, j]))
    const j = this.places_of.get(sample)
    if (j !== undefined) parts.push(`${Math.round(circle.sure[j] / 2.55)} % sure`)
  }
  return parts.join(" · ")
}

// The lab: embedding and affinity of one run or several, linked and through time. Python hands over addresses of records and
// hears which samples are chosen; everything else happens here, without asking the server.

const COLOURS = { cluster: "Cluster", class: "Class", hit: "Right or wrong", sure: "Sureness" }
const SPEEDS = { "0.5": "½ ×", "1.0": "1 ×", "2.0": "2 ×", "4.0": "4 ×" } // keys that look whole would be put first
const SECONDS = 8 // of a whole film at speed 1
const REST = 1800 // milliseconds for which a living picture stands before it begins again
const LIGHT = 0.07 // seconds between two pictures of it: a page has several
const DOUBLE = 600 // milliseconds between two clicks that may be one double-click
const LINKED = ["at", "by", "colour", "order", "sel", "span", "near"]

class Lab {
  constructor(root) {
    this.root = root
    this.host = root.querySelector(".lab")
    this.films = []
    this.time = 1
    this.layout = null
    this.colour = null
    this.order = "cluster"
    this.speed = "1.0"
    this.span = null // the part of the matrix that is looked at closely: rows from, to, columns from, to
    this.camera = null // the part of the projection: across, up
    this.undone = -Infinity // when a double-click last took back its first click
    this.hover = -1
    this.chosen = null
    this.rule = null
    this.link = new URLSearchParams(window.location.search)
    this.build()
    this.observer = new ResizeObserver(() => this.arrange())
    this.observer.observe(this.host)
    this.keys = (event) => this.onKey(event)
    this.host.addEventListener("keydown", this.keys)
  }

  part(name) {
    return this.host.querySelector(`[data-part="${name}"]`)
  }

  build() {
    this.timeline = new Timeline(this.part("timeline"), this)
    this.pictures = new Pictures(this.part("pictures"), this)
    this.card = this.part("card")
    const buttons = { play: () => this.toggle(), back: () => this.step(-1), forward: () => this.step(1), share: () => this.share(), none: () => this.choose(null) }
    for (const [name, action] of Object.entries(buttons)) this.part(name).onclick = action
    for (const name of ["layout", "colour", "order", "speed"])
      this.part(name).onchange = (event) => {
        this[name] = event.target.value
        if (name === "layout") this.wanted = this.layout
        this.changed()
      }
    this.part("rule").onchange = (event) => {
      if (event.target.value) this.choose(null, event.target.value)
    }
    fill(this.part("speed"), SPEEDS, this.speed)
  }

  // What Python handed over: called again whenever that changes.
  async receive(data, emit) {
    this.emit = emit
    this.data = data
    if (data.start) this.link = new URLSearchParams(data.start)
    this.heat = Uint8Array.from(atob(data.heat), (c) => c.charCodeAt(0))
    this.decades = data.decades
    this.style()
    const turn = (this.turn = (this.turn ?? 0) + 1)
    const films = await this.loaded(data, turn)
    if (!films || turn !== this.turn) return
    const followed = !this.films.length || this.time > 0.999
    const same = this.films.length === films.length && films.every((film, k) => film.facts.id === this.films[k].facts.id)
    this.films = films
    if (!same) this.stage()
    this.offer()
    if (!this.restored) this.restore()
    else if (!same) this.select(this.rule, null)
    if (followed && !this.playing && !this.held) this.time = 1
    this.host.dataset.ready = films.map((film) => film.facts.id).join(" ")
    this.arrange()
    if (data.autoplay) this.live()
  }

  // Streamlit may drop a file just when a page is made anew, and has it again a moment later.
  async loaded(data, turn) {
    for (let wait = 150; turn === this.turn; wait *= 2) {
      try {
        return await Promise.all(data.runs.map((run) => this.film(run)))
      } catch (error) {
        if (wait > 10000) {
          this.host.dataset.failed = "true"
          this.part("where").textContent = `The pictures cannot be loaded: ${error.message}`
          return null
        }
        await new Promise((go) => setTimeout(go, wait))
      }
    }
  }

  async film(run) {
    const named = Object.entries(run.layouts ?? {})
    const [[scene], frames, layouts, fine] = await Promise.all([
      load(run.scene), loadAll(run.frames), loadAll(named.map(([, address]) => address)), loadAll(run.fine ? [run.fine] : []),
    ])
    this.kept ??= new Map()
    let film = this.kept.get(run.scene)
    if (!film) this.kept.set(run.scene, (film = new Film(scene)))
    film.title = run.title
    film.renumbered = run.renumbered ?? null
    film.setFrames(frames)
    film.layouts.clear()
    named.forEach(([name], k) => {
      const { points, shown } = layouts[k]
      film.layouts.set(name, { points: Float32Array.from(points, (v) => v / 32767), shown })
    })
    if (fine.length) film.keep(fine[0])
    if (run.sprite && !film.sprite) {
      const sprite = new Image()
      sprite.onload = () => {
        film.sprite = sprite
        this.pictures.draw()
      }
      sprite.src = run.sprite
    }
    return film
  }

  style() {
    const { root, data } = this
    this.font = token(root, "--st-font", "sans-serif")
    this.ink = token(root, "--st-text-color", "#1c2733")
    this.ground = token(root, "--st-background-color", "#ffffff")
    this.accent = toHex(token(root, "--st-primary-color", "#0b6e99"))
    const [r, g, b] = channels(toHex(this.ground))
    this.dark = r + g + b < 384
    this.second = this.dark ? "#e8b04a" : "#b26a00"
    this.faint = this.dark ? "#9fb0bf" : "#5b6b79"
    this.type = data.present ? 16 : 12
    this.host.classList.toggle("brief", Boolean(data.brief))
    this.host.classList.toggle("guided", Boolean(data.start))
    this.host.classList.toggle("living", Boolean(data.autoplay))
    this.host.style.setProperty("--type", `${this.type}px`)
  }

  // One scatter and one matrix for each run.
  stage() {
    const stage = this.part("stage")
    stage.replaceChildren()
    this.panels = this.films.map((film) => {
      const column = document.createElement("div")
      column.className = "run"
      if (this.films.length > 1) {
        const title = document.createElement("h4")
        title.textContent = film.title
        column.append(title)
      }
      const pair = document.createElement("div")
      pair.className = "pair"
      column.append(pair)
      stage.append(column)
      return [new Scatter(pair, this, film), new Matrix(pair, this, film)]
    })
    const first = this.films[0]
    this.part("confusion").replaceChildren()
    this.confusion = new Confusion(this.part("confusion"), this, first)
    this.palette = this.data.palette
    this.colour ??= "cluster"
  }

  // What there is to choose from, for these runs.
  offer() {
    const films = this.films
    const layouts = {}
    if (films.some((film) => film.has("circle"))) layouts.circle = "By affinity to each cluster"
    if (films.some((film) => film.has("points"))) layouts.points = this.data.runs[0].codes
    Object.assign(layouts, this.data.offers ?? {})
    const wanted = [this.wanted, this.data.layout, ...Object.keys(layouts)] // what the user chose may come back
    this.layout = wanted.find((name) => name in layouts) ?? null
    fill(this.part("layout"), layouts, this.layout)
    const known = films.every((film) => film.y)
    const colours = { ...COLOURS }
    if (!known) delete colours.class, delete colours.hit
    if (!films.some((film) => film.frames.some((frame) => frame.sure))) delete colours.sure
    if (!(this.colour in colours)) this.colour = "cluster"
    fill(this.part("colour"), colours, this.colour)
    const byClass = known && this.data.offers // the server works that out
    fill(this.part("order"), byClass ? { cluster: "by cluster", class: "by class" } : { cluster: "by cluster" }, this.order)
    const rules = { "": "Choose …" }
    if (known) rules.wrong = "wrong ones"
    if ("sure" in colours) rules.unsure = "the least sure tenth"
    if (films.length > 1) rules.moved = "in other clusters from run to run"
    const { groups } = films[0].facts
    for (let k = 0; k < groups; k++) rules[`cluster:${k}`] = `cluster ${films[0].name(k)}`
    if (known) films[0].facts.classes.forEach((name, k) => (rules[`class:${k}`] = `class ${name}`))
    fill(this.part("rule"), rules, this.rule in rules ? this.rule : "")
    this.part("playback").hidden = films.every((film) => film.last < 1)
  }

  // A projection of the last state cannot be played, and before there were clusters nothing was pulled anywhere.
  layoutOf(film) {
    const i = film.index(this.time)
    const { layout } = this
    if (film.layouts.has(layout) && i === film.last) return layout
    return layout !== "points" && film.latest("circle", i) ? "circle" : film.latest("points", i) ? "points" : "circle"
  }

  // ---- what is seen -----------------------------------------------------------------------------------------------

  arrange() {
    if (!this.panels) return
    const width = this.host.clientWidth
    if (!width) return
    const runs = this.panels.length
    const narrow = width < 460 && !this.data.autoplay
    const across = narrow ? 1 : Math.min(runs, 4)
    const room = this.data.autoplay ? width : this.room(narrow)
    const column = (width - 16 * (across - 1)) / across
    for (const [scatter, matrix] of this.panels) {
      const beside = runs === 1 && !narrow
      const each = Math.floor(beside ? (column - 16) / 2 : column)
      scatter.canvas.closest(".run").style.width = `${Math.floor(column)}px`
      const height = beside ? Math.min(room, each) : Math.min(each, runs === 1 ? 420 : 340)
      const alone = Boolean(this.data.autoplay) && !scatter.film.facts.affinity // what is not there takes no room of a small picture
      matrix.canvas.hidden = alone
      scatter.resize(alone ? Math.floor(column) : each, height)
      matrix.resize(alone ? 0 : each, beside ? height : Math.min(each, height))
    }
    this.timeline.resize(narrow ? width : width - this.part("buttons").offsetWidth - 12, 56)
    const lower = narrow ? width : width * 0.46
    this.confusion.resize(lower, this.confusionHeight(lower))
    this.draw()
  }

  // The height that puts pictures and slider on the first screen.
  room(narrow) {
    if (narrow) return 340
    const scroller = this.root.host?.closest('[data-testid="stMain"]')
    const above = this.host.getBoundingClientRect().top + (scroller?.scrollTop ?? 0)
    const extras = this.part("bar").offsetHeight + (this.part("playback").hidden ? 0 : 74) + 30
    return Math.max(280, window.innerHeight - above - extras)
  }

  confusionHeight(width) {
    const [film] = this.films
    if (!film.y) return 90
    const rows = film.facts.classes.length
    return 30 + Math.min(rows * 22, Math.max(260, Math.min(width, rows * 9)))
  }

  draw() {
    if (!this.panels || this.drawing) return
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null
      this.drawNow()
    })
  }

  drawNow() {
    for (const pair of this.panels) for (const panel of pair) if (panel.width) panel.draw()
    if (!this.part("playback").hidden) this.timeline.draw()
    if (this.confusion.width) this.confusion.draw()
    this.words()
    this.host.dataset.drawn = (Number(this.host.dataset.drawn ?? 0) + 1).toString()
  }

  words() {
    const [film] = this.films
    const i = film.index(this.time)
    const { facts } = film.frames[i] ?? {}
    if (!facts) return
    const { acc, nmi_geometric: nmi } = film.scores(i)
    const where = facts.stage === "final" ? "the end" : `${facts.stage} ${facts.step.toLocaleString()} of ${facts.total.toLocaleString()}`
    const scores = [acc === undefined ? "" : `ACC ${acc.toFixed(3)}`, nmi === undefined ? "" : `NMI ${nmi.toFixed(3)}`].filter(Boolean)
    this.part("where").textContent = [where, ...scores].join(" · ")
    Object.assign(this.host.dataset, { frame: facts.place, layout: this.layoutOf(film), colour: this.colour, order: this.order, span: this.span?.join("-") ?? "", near: this.camera ? "true" : "", detail: this.panels[0][1].detail ?? "" })
    this.part("play").textContent = this.playing ? "❚❚" : "▶"
    this.part("play").setAttribute("aria-label", this.playing ? "Pause" : "Play")
  }

  // Clusters that are the same in several runs have one colour, whatever their numbers.
  tone(film, k) {
    return this.palette[film.renumbered?.[k] ?? k]
  }

  colouring(film, i) {
    const labels = film.labels(i)
    const { palette } = this
    const bare = this.faint
    if (this.colour === "class" || (!labels && film.y)) return (s) => (film.known(s) ? palette[film.y[s]] : bare)
    if (!labels) return () => bare
    if (this.colour === "hit") return (s) => (!film.known(s) ? bare : film.wrong(s, labels) ? this.data.wrong : this.data.right)
    if (this.colour === "sure") {
      const sure = film.latest("circle", i)?.sure
      const place = new Map([...film.shown].map((s, j) => [s, j]))
      return (s) => {
        const at = 3 * (sure && place.has(s) ? sure[place.get(s)] : 0)
        return `#${[0, 1, 2].map((c) => (this.heat[at + c] & 0xf8).toString(16).padStart(2, "0")).join("")}`
      }
    }
    return (s) => this.tone(film, labels[s])
  }

  // ---- time -------------------------------------------------------------------------------------------------------

  go(time) {
    this.time = Math.max(0, Math.min(1, time))
    this.held = this.time < 1
    this.unlook()
    if (this.colour === "cluster" || this.rule) this.follow()
    this.draw()
    this.note()
  }

  step(by) {
    this.stop()
    const { last } = this.films[0]
    if (last > 0) this.go((Math.round(this.time * last) + by) / last)
  }

  toggle() {
    if (this.playing) return this.stop()
    if (this.time >= 1) this.time = 0
    this.held = true
    this.unlook()
    let before = performance.now()
    const tick = (now) => {
      const passed = (now - before) / 1000
      if (this.data.autoplay && passed < LIGHT) return (this.playing = requestAnimationFrame(tick))
      before = now
      this.time = Math.min(1, this.time + (passed * Number(this.speed)) / SECONDS)
      this.drawNow()
      if (this.time >= 1) this.stop()
      else if (this.playing) this.playing = requestAnimationFrame(tick)
    }
    this.playing = requestAnimationFrame(tick)
    this.words()
  }

  stop() {
    if (this.playing) cancelAnimationFrame(this.playing)
    this.playing = null
    this.held = this.time < 1
    this.follow()
    this.draw()
    this.note()
    if (this.seen && this.time >= 1) this.again = setTimeout(() => this.toggle(), REST)
  }

  // A living picture plays over and over while it is in sight, but not for whom movement disturbs.
  live() {
    if (this.sight || this.films.every((film) => film.last < 1)) return
    if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) return
    this.sight = new IntersectionObserver(([entry]) => {
      this.seen = entry.isIntersecting
      clearTimeout(this.again)
      if (this.seen !== Boolean(this.playing)) this.toggle()
    })
    this.sight.observe(this.host)
  }

  // A rule speaks of the clusters at this moment.
  follow() {
    if (this.rule) this.select(this.rule, null)
    else this.pictures.draw()
  }

  onKey(event) {
    if (["SELECT", "INPUT"].includes(event.target.tagName)) return
    const actions = { ArrowLeft: () => this.step(-1), ArrowRight: () => this.step(1), " ": () => this.toggle(), Escape: () => (this.span ? this.zoom(null) : this.camera ? this.look(null) : this.choose(null)), Home: () => this.go(0), End: () => this.go(1) }
    const action = actions[event.key]
    if (!action) return
    event.preventDefault()
    action()
  }

  // ---- what is chosen ---------------------------------------------------------------------------------------------

  choose(samples, rule = null, add = false) {
    if (add && this.chosen && samples) samples = [...new Set([...this.chosen, ...samples])]
    this.select(rule, samples)
    this.emitChosen()
    this.note()
  }

  // A click chooses, but the first one of a double-click is taken back.
  click(samples, { timeStamp: now, shiftKey }) {
    if (now - this.undone < DOUBLE) return // the third of three
    if (now - (this.before?.at ?? -Infinity) > DOUBLE) this.before = { at: now, rule: this.rule, samples: this.chosen && [...this.chosen] }
    this.choose(samples, null, shiftKey)
  }

  unclick({ timeStamp: now }) {
    if (now - (this.before?.at ?? -Infinity) > 2 * DOUBLE) return // with Alt there was none
    this.choose(this.before.samples, this.before.rule)
    this.before = null
    this.undone = now
  }

  select(rule, samples) {
    this.rule = rule
    const found = rule ? this.byRule(rule) : samples
    this.chosen = found && found.length ? new Set(found) : null
    this.host.dataset.chosen = this.chosen ? this.chosen.size : 0
    this.part("none").hidden = !this.chosen
    this.part("rule").value = rule ?? ""
    this.pictures.draw()
    this.draw()
  }

  byRule(rule) {
    const [film] = this.films
    const i = film.index(this.time)
    const labels = film.labels(i)
    const [kind, a, b] = rule.split(":")
    const all = Array.from({ length: film.n }, (_, s) => s)
    if (kind === "class") return film.y ? all.filter((s) => film.y[s] === Number(a)) : null
    if (!labels) return null
    if (kind === "cluster") return all.filter((s) => labels[s] === Number(a))
    if (kind === "cell") return film.y ? all.filter((s) => film.y[s] === Number(a) && labels[s] === Number(b)) : null
    if (kind === "moved") {
      const every = this.films.map((one) => [one.labels(one.index(this.time)), one.renumbered])
      if (every.some(([found]) => !found)) return null
      const of = ([found, names], s) => names?.[found[s]] ?? found[s]
      return all.filter((s) => every.some((one) => of(one, s) !== of(every[0], s)))
    }
    if (kind === "wrong") return film.y ? all.filter((s) => film.wrong(s, labels)) : null
    if (kind === "unsure") {
      const sure = film.latest("circle", i)?.sure
      if (!sure) return null
      const places = [...film.shown.keys()].sort((p, q) => sure[p] - sure[q])
      return places.slice(0, Math.ceil(places.length / 10)).map((j) => film.shown[j])
    }
    return null
  }

  emitChosen() {
    clearTimeout(this.sending)
    this.sending = setTimeout(() => this.emit("chosen", this.chosen ? [...this.chosen].slice(0, 20000) : []), 150)
  }

  inspect(sample) {
    this.emit("sample", sample)
  }

  mark(sample) {
    this.hover = sample
    this.draw()
  }

  point(sample, event, film, other) {
    if (sample !== this.hover) this.mark(sample)
    if (sample < 0) return this.tell("")
    const i = film.index(this.time)
    const words = other === undefined || other === sample ? film.tell(sample, i) : `${film.tell(sample, i)}\n${film.tell(other, i)}`
    this.tell(words, event, film, other === undefined || other === sample ? [sample] : [sample, other])
  }

  tell(words, event, film, samples = []) {
    const { card } = this
    card.hidden = !words
    if (!words) return
    card.replaceChildren()
    if (film?.sprite) for (const sample of samples) card.append(this.pictures.picture(film, sample, samples.length > 1 ? 72 : 96))
    for (const line of words.split("\n")) {
      const row = document.createElement("div")
      row.textContent = line
      card.append(row)
    }
    const box = this.host.getBoundingClientRect()
    const [x, y] = [event.clientX - box.left, event.clientY - box.top]
    card.style.left = `${Math.min(x + 16, box.width - card.offsetWidth - 4)}px`
    card.style.top = `${y + 18 + card.offsetHeight > box.height ? y - card.offsetHeight - 12 : y + 18}px`
  }

  // ---- the link ---------------------------------------------------------------------------------------------------

  // What is seen goes into the address without a step of history; Streamlit keeps what it finds there.
  note() {
    if (this.playing || this.data.start) return
    const [film] = this.films
    const place = this.time >= 1 ? null : film.frames[film.index(this.time)].facts.place
    const few = this.chosen && !this.rule && this.chosen.size <= 60 ? [...this.chosen].join(".") : null
    const values = { at: place, by: this.layout === this.first ? null : this.layout, colour: this.colour === "cluster" ? null : this.colour,
      order: this.order === "cluster" ? null : this.order, sel: this.rule ?? few, span: this.span?.join("-") ?? null, near: this.camera?.flat().map((v) => v.toFixed(3)).join(",") ?? null }
    const address = new URL(window.location.href)
    for (const [name, value] of Object.entries(this.data.link ?? {})) address.searchParams.set(name, value)
    for (const name of LINKED) {
      if (values[name] === null || values[name] === undefined) address.searchParams.delete(name)
      else address.searchParams.set(name, values[name])
    }
    window.history.replaceState(window.history.state, "", address)
  }

  restore() {
    this.restored = true
    this.first = this.layout
    const { link } = this
    const [film] = this.films
    const asked = film.frames.findLastIndex((frame) => frame.facts.place <= Number(link.get("at") ?? Infinity))
    if (asked >= 0 && asked < film.last) [this.time, this.held] = [asked / film.last, true]
    for (const [name, key] of [["layout", "by"], ["colour", "colour"], ["order", "order"]]) {
      const value = link.get(key)
      if (value && [...this.part(name).options].some((option) => option.value === value)) {
        this[name] = value
        if (name === "layout") this.wanted = value
        this.part(name).value = value
      }
    }
    const chosen = link.get("sel")
    if (chosen && /^[\d.]+$/.test(chosen)) this.select(null, chosen.split(".").map(Number).filter((s) => s < this.films[0].n))
    else this.select(chosen, null)
    if (this.chosen) this.emitChosen()
    if (/^(\d+-){3}\d+$/.test(link.get("span") ?? "") && this.data.offers) {
      const [r0, r1, c0, c1] = link.get("span").split("-").map(Number)
      if ([[r0, r1], [c0, c1]].every(([from, to]) => to - from > 1 && to <= film.n)) this.span = [r0, r1, c0, c1]
    }
    const near = (link.get("near") ?? "").split(",").map(Number)
    if (near.length === 4 && near.every(Number.isFinite) && near[0] < near[1] && near[2] < near[3]) {
      const axes = [near.slice(0, 2), near.slice(2)].map(([from, to]) => closer([from, to], (from + to) / 2, 1, WHOLE))
      if (axes[0][1] - axes[0][0] < 1.999) this.camera = axes
    }
    if (this.layout !== this.first || this.order !== "cluster" || this.span) this.ask()
    this.note()
  }

  // What of that the server has to work out.
  ask() {
    this.emit("asks", { order: this.order, layout: this.layout, span: this.span })
  }

  // The part of the matrix that is wanted; where it changes from moment to moment, it is asked for when it has come to rest.
  zoom(span, moving = false) {
    if (!this.data.offers) return // only where the server can be asked for more detail
    this.span = span
    clearTimeout(this.asking)
    this.asking = setTimeout(() => this.ask(), moving ? 200 : 0)
    this.draw()
    this.note()
  }

  // What was looked at closely in a projection of the end is nowhere in what is seen until then.
  unlook() {
    if (this.camera && this.films.some((film) => this.layoutOf(film) !== this.layout)) this.camera = null
  }

  look(camera) {
    this.camera = camera
    this.draw()
    this.note()
  }

  changed() {
    if (this.order !== this.host.dataset.order) this.span = null
    if (this.layout !== this.host.dataset.layout) this.camera = null
    this.ask()
    this.draw()
    this.note()
  }

  async share() {
    this.note()
    const button = this.part("share")
    await navigator.clipboard.writeText(window.location.href).then(
      () => (button.textContent = "Copied"),
      () => window.prompt("The link", window.location.href),
    )
    setTimeout(() => (button.textContent = "Share"), 1500)
  }

  close() {
    this.turn += 1 // what is still on its way is for nobody
    this.sight?.disconnect()
    this.seen = false
    clearTimeout(this.again)
    clearTimeout(this.asking)
    this.stop()
    this.observer.disconnect()
    this.host.removeEventListener("keydown", this.keys)
  }
}

function fill(select, options, value) {
  const known = [...select.options].map((option) => option.value + option.text).join("|")
  if (known !== Object.entries(options).map(([name, title]) => name + title).join("|"))
    select.replaceChildren(...Object.entries(options).map(([name, title]) => new Option(title, name)))
  select.value = value
  select.closest("label").hidden = Object.keys(options).length < 2
}

function toHex(colour) {
  if (colour.startsWith("#")) return colour.length === 4 ? `#${[...colour.slice(1)].map((c) => c + c).join("")}` : colour.slice(0, 7)
  const parts = colour.match(/\d+/g) ?? ["11", "110", "153"]
  return `#${parts.slice(0, 3).map((c) => Number(c).toString(16).padStart(2, "0")).join("")}`
}

export default function ({ data, parentElement, setStateValue }) {
  if (data) return mount(parentElement, (root) => new Lab(root), data, setStateValue)
}

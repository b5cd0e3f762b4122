package schedule

// turns is deficit round robin with a list of newcomers (RFC 8290 4.1 and 4.2): a member that had nothing and now has
// something goes before the others once, then takes its turn among them. What a member takes is charged after the
// fact and may leave it in debt, so a batch of many recipients costs as many turns. Each step of next either serves,
// removes or pays a member, so it costs a constant for each recipient charged.
type turns[T any] struct {
	fresh, old queue[*member[T]]
}

type member[T any] struct {
	node    node[*member[T]]
	owner   T
	weight  int // paid a round, at least 1
	deficit int
	load    int // what it has to be served
}

func (m *member[T]) init(owner T, weight int) {
	m.node.value, m.owner, m.weight = m, owner, max(weight, 1)
}

// add gives m something to be served.
func (t *turns[T]) add(m *member[T], n int) {
	m.load += n
	if !m.node.listed() {
		m.deficit = 1 // one turn ahead of the others, whatever its weight: many may come at once
		t.fresh.push(&m.node)
	}
}

// take charges m for n that it was served.
func (t *turns[T]) take(m *member[T], n int) {
	m.load -= n
	m.deficit -= n
}

// next is whose turn it is; nil if nobody has anything. gone is called for members that leave.
func (t *turns[T]) next(gone func(T)) *member[T] {
	for {
		m, fresh := t.fresh.first()
		if !fresh {
			var ok bool
			if m, ok = t.old.first(); !ok {
				return nil
			}
		}
		switch {
		case m.load == 0 && !fresh:
			m.node.leave()
			gone(m.owner)
		case m.load == 0:
			// A newcomer that is done waits among the others, or it would be a newcomer again at once.
			m.node.leave()
			t.old.push(&m.node)
		case m.deficit <= 0:
			m.deficit += m.weight
			m.node.leave()
			t.old.push(&m.node)
		default:
			return m
		}
	}
}

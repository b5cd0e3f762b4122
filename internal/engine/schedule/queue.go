package schedule

// queue is a doubly linked list whose nodes live in what they list, so that joining and leaving cost nothing.
type queue[T any] struct {
	head, tail *node[T]
	n          int
}

type node[T any] struct {
	prev, next *node[T]
	list       *queue[T] // nil: on no list
	value      T
}

func (q *queue[T]) push(e *node[T]) {
	e.list, e.prev, e.next = q, q.tail, nil
	if q.tail == nil {
		q.head = e
	} else {
		q.tail.next = e
	}
	q.tail = e
	q.n++
}

// leave takes the node off its list, if it is on one.
func (e *node[T]) leave() {
	q := e.list
	if q == nil {
		return
	}
	if e.prev == nil {
		q.head = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		q.tail = e.prev
	} else {
		e.next.prev = e.prev
	}
	e.list, e.prev, e.next = nil, nil, nil
	q.n--
}

func (e *node[T]) listed() bool { return e.list != nil }

// pop takes the first value; it is the zero value if there is none.
func (q *queue[T]) pop() (v T, ok bool) {
	if q.head == nil {
		return v, false
	}
	e := q.head
	e.leave()
	return e.value, true
}

// first is the first value without taking it.
func (q *queue[T]) first() (v T, ok bool) {
	if q.head == nil {
		return v, false
	}
	return q.head.value, true
}

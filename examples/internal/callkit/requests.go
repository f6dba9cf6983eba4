package callkit

import "sync"

// requests pairs answers with the requests that wait for them. Its zero value
// is ready.
type requests struct {
	mu      sync.Mutex
	last    uint64                  // ids start at 1
	waiting map[uint64]chan Message // each with room for its one answer
}

// open gives a new id and the channel on which its answer will come.
func (r *requests) open() (uint64, <-chan Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting == nil {
		r.waiting = map[uint64]chan Message{}
	}
	r.last++
	ch := make(chan Message, 1)
	r.waiting[r.last] = ch
	return r.last, ch
}

// close forgets a request; its answer will be dropped.
func (r *requests) close(id uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, id)
}

// settle hands an answer over. A second answer, or one that nobody waits for,
// is dropped.
func (r *requests) settle(m Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ch := r.waiting[m.ID]; ch != nil {
		delete(r.waiting, m.ID)
		ch <- m
	}
}

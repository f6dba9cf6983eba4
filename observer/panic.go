package observer

import "fmt"

// PanicError is the cause of a status that stands for a panic in code of the
// application: an observer, a transport, a backoff, a random source or a custom
// health policy. Reach it with errors.As.
type PanicError struct {
	// Where names the call that panicked.
	Where string
	// Value is what it panicked with.
	Value any
	// Stack is the goroutine's stack at that point; it is not part of Error.
	Stack []byte
}

// Error says where and with what; the stack is left out.
func (e *PanicError) Error() string {
	return fmt.Sprintf("panic in %s: %v", e.Where, e.Value)
}

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Blocks of C from many goroutines, and thus threads.
package main

/*
#include <stdlib.h>
#include <string.h>
static void *make(int n) { char *p = malloc(n); memset(p, 1, n); return p; }
*/
import "C"

import (
	"fmt"
	"sync"
)

func main() {
	var w sync.WaitGroup
	for t := 0; t < 8; t++ {
		w.Add(1)
		go func() {
			defer w.Done()
			for i := 0; i < 10000; i++ {
				C.free(C.make(C.int(i%3000 + 1)))
			}
		}()
	}
	w.Wait()
	fmt.Println("done")
}

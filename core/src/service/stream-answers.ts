/** The answers of one stream on their way from many decisions to one reader. */
export interface StreamAnswers<T> {
  /** Adds an answer. Ignored after the end. */
  push(answer: T): void
  /** Resolves when fewer than the limit of questions are open or answered but unread. */
  room(): Promise<void>
  /** No more questions come: ends after the last answer. */
  end(): void
  /** Ends at once, with an error. */
  fail(error: unknown): void
  /** What is ready, in batches, until the end. For one reader. */
  batches(max: number): AsyncGenerator<T[], void, undefined>
}

export interface StreamAnswersOptions {
  /** Questions that may be open or unread at one time. */
  readonly limit: number
  /** Counts the questions that have no answer yet. */
  readonly open: () => number
  /** Resolves in the next turn of the event loop. */
  readonly nextTurn: () => Promise<void>
}

export function createStreamAnswers<T>({ limit, open, nextTurn }: StreamAnswersOptions): StreamAnswers<T> {
  const ready: T[] = []
  let ended = false
  let failure: { readonly error: unknown } | undefined
  // Each has at most one waiter: the reader of questions, and the writer of answers.
  let wakeReader = (): void => {}
  let wakeWriter = (): void => {}

  const wake = (): void => {
    wakeReader()
    wakeWriter()
  }

  return {
    push(answer) {
      if (failure !== undefined) return
      ready.push(answer)
      wake()
    },
    async room() {
      while (failure === undefined && ready.length + open() >= limit) {
        await new Promise<void>((resolve) => {
          wakeReader = resolve
        })
      }
      if (failure !== undefined) throw failure.error
    },
    end() {
      ended = true
      wake()
    },
    fail(error) {
      failure ??= { error }
      wake()
    },
    async *batches(max) {
      for (;;) {
        if (failure !== undefined) throw failure.error
        if (ready.length > 0) {
          // One sync makes many decisions durable: their answers travel together.
          await nextTurn()
          const batch = ready.splice(0, max)
          yield batch
          wakeReader()
        } else if (ended && open() === 0) {
          return
        } else {
          await new Promise<void>((resolve) => {
            wakeWriter = resolve
          })
        }
      }
    },
  }
}

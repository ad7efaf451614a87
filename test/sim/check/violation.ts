/** Something happened that must never happen. */
export class Violation extends Error {
  /** What noticed it. */
  readonly checker: string
  /** More lines for people. */
  readonly details: readonly string[]

  constructor(checker: string, message: string, details: readonly string[] = []) {
    super(message)
    this.name = 'Violation'
    this.checker = checker
    this.details = details
  }
}

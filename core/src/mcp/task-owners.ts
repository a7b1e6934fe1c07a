import { isObject, type Members, own } from '@capiscio/proto/mcp'

/** Tasks that are remembered; the oldest go first. */
const MAX_TASKS = 100_000

/** Longest name of a task that is remembered. */
const MAX_ID_LENGTH = 1024

/**
 * Who began which task of a server. The server cannot tell callers apart, since it sees none of
 * their credentials, and what a task gives is what a tool gave.
 */
export interface TaskOwners {
  /** An allowed call was answered: a task that the answer names is its caller's. */
  began(result: Members, principal: string): void
  /** Whether the task is this caller's. One that is not known is nobody's. */
  belongs(taskId: unknown, principal: string): boolean
  /** The result of a `tasks/list`, with the caller's own tasks only. */
  listed(result: Members, principal: string): Members
}

export function createTaskOwners(): TaskOwners {
  const owners = new Map<string, string>()

  function belongs(taskId: unknown, principal: string): boolean {
    return typeof taskId === 'string' && owners.get(taskId) === principal
  }

  return {
    began(result, principal) {
      const taskId = nameOf(result.task) ?? (result.resultType === 'task' ? nameOf(result) : undefined)
      // Whoever began it keeps it, whatever the server says later.
      if (taskId === undefined || taskId.length > MAX_ID_LENGTH || owners.has(taskId)) return
      owners.set(taskId, principal)
      const [oldest] = owners.keys()
      if (owners.size > MAX_TASKS && oldest !== undefined) owners.delete(oldest)
    },
    belongs,
    listed(result, principal) {
      const tasks = Array.isArray(result.tasks) ? result.tasks : []
      return { ...result, tasks: tasks.filter((task) => belongs(nameOf(task), principal)) }
    },
  }
}

function nameOf(task: unknown): string | undefined {
  const taskId = isObject(task) ? own(task, 'taskId') : undefined
  return typeof taskId === 'string' ? taskId : undefined
}

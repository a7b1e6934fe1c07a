import { expect, it } from 'vitest'
import { createTaskOwners } from '../../../core/src/mcp/task-owners.ts'

it('who began a task is remembered for 100 000 of them, and for none with a long name', () => {
  const owners = createTaskOwners()
  for (let task = 0; task < 100_000; task += 1) owners.began({ task: { taskId: `t-${task}` } }, 'amy')
  expect([owners.belongs('t-0', 'amy'), owners.belongs('t-0', 'bob')]).toEqual([true, false])
  for (const length of [1024, 1025]) owners.began({ task: { taskId: 'x'.repeat(length) } }, 'amy')
  const known = ['t-0', 't-1', 'x'.repeat(1024), 'x'.repeat(1025)].map((task) => owners.belongs(task, 'amy'))
  expect(known).toEqual([false, true, true, false])
})

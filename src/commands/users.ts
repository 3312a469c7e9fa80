/** `loupe users`: who may sign in, and who did what. */

import CliTable from 'cli-table3';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type AccountListing, type AuditRow, type PeopleControl, type Role, ROLES } from '../frame/people.ts';
import { shownText } from '../frame/shown-text.ts';
import { addPlaceOptions, numberIn, type WhereOptions } from './options.ts';
import type { AskSecret } from './secret-input.ts';

export function registerUsers(program: Command): void {
  const users = program
    .command('users')
    .description('list, add, change and lock out people, and show who did what')
    .addHelpText(
      'after',
      `
With --http at a running service (--user NAME signs in, --token shows a token with the right admin). Without, on the store: reading
beside a running service, changing while none runs. Passwords are asked for, or read from standard input, one a line.`,
    );

  addPlaceOptions(users.command('list').description('everybody who has an account')).action((options: WhereOptions) =>
    run(options, 'read', (people) => people.list(), showAccounts),
  );
  addPlaceOptions(users.command('add').description('let somebody in'))
    .argument('<name>', 'as it is shown and kept')
    .addOption(new Option('--role <role>', 'what they may do').choices(ROLES).makeOptionMandatory())
    .action((name: string, options: WhereOptions & { role: Role }) =>
      run(
        options,
        'change',
        async (people, ask) => people.add({ name, role: options.role, password: await ask(`Password for ${name}`) }),
        showAccount,
      ),
    );
  addPlaceOptions(users.command('role').description('change what somebody may do; signs them out'))
    .argument('<name>')
    .argument('<role>', ROLES.join(', '), roleFrom)
    .action((name: string, role: Role, options: WhereOptions) =>
      run(options, 'change', (people) => people.change(name, { role }), showAccount),
    );
  addPlaceOptions(users.command('password').description('set a new password; signs them out'))
    .argument('<name>')
    .action((name: string, options: WhereOptions) =>
      run(
        options,
        'change',
        async (people, ask) => people.change(name, { password: await ask(`New password for ${name}`) }),
        showAccount,
      ),
    );
  for (const [verb, isDisabled, description] of [
    ['disable', true, 'lock somebody out; signs them out'],
    ['enable', false, 'let somebody in again'],
  ] as const) {
    addPlaceOptions(users.command(verb).description(description))
      .argument('<name>')
      .action((name: string, options: WhereOptions) =>
        run(options, 'change', (people) => people.change(name, { isDisabled }), showAccount),
      );
  }
  addPlaceOptions(users.command('audit').description('who did what, newest first'))
    .option('--before <line>', 'lines before this one', numberIn(1, Number.MAX_SAFE_INTEGER, true))
    .option('--limit <n>', 'at most so many', numberIn(1, 1000, true), 50)
    .action((options: WhereOptions & { before?: number; limit: number }) =>
      run(options, 'read', (people) => people.audit(options.before ?? null, options.limit), showAudit),
    );
}

async function run<T>(
  options: WhereOptions,
  need: 'read' | 'change',
  work: (people: PeopleControl, ask: AskSecret) => Promise<T>,
  show: (outcome: T) => string,
): Promise<void> {
  const { withPeople } = await import('./people-control.ts');
  const outcome = await withPeople(options, need, work);
  process.stdout.write(options.json === true ? `${JSON.stringify(outcome)}\n` : show(outcome));
}

function roleFrom(text: string): Role {
  const role = ROLES.find((known) => known === text);
  if (role === undefined) throw new InvalidArgumentError(`expected ${ROLES.join(', ')}`);
  return role;
}

function showAccounts(accounts: readonly AccountListing[]): string {
  if (accounts.length === 0) return 'nobody has an account yet\n';
  return table(
    ['name', 'role', 'may sign in', 'changed', 'by'],
    accounts.map(({ name, role, isDisabled, changedAt, changedBy }) => [
      shownText(name),
      role,
      isDisabled ? 'no' : 'yes',
      new Date(changedAt).toISOString(),
      shownText(changedBy),
    ]),
  );
}

const showAccount = (account: AccountListing) => showAccounts([account]);

function showAudit(rows: readonly AuditRow[]): string {
  if (rows.length === 0) return 'nobody did anything yet\n';
  return table(
    ['#', 'when', 'who', 'from', 'what', 'about', 'end'],
    rows.map(({ seq, at, actor, from, act, about, outcome, detail }) => [
      String(seq),
      new Date(at).toISOString(),
      shownText(actor),
      from,
      act,
      shownText(about),
      detail === null ? outcome : `${outcome}: ${shownText(detail)}`,
    ]),
  );
}

function table(head: string[], rows: string[][]): string {
  const made = new CliTable({ head, style: { head: [], border: [] } });
  made.push(...rows);
  return `${made.toString()}\n`;
}

//! Every cell of the table of roles and actions.

use super::*;

/// The seven kinds of people: publisher, then the MSP's owner, technician, viewer and client, then staff's owner and reviewer.
const PEOPLE: [(AccountKind, Role); 7] = [
    (AccountKind::Publisher, Role::Owner),
    (AccountKind::Msp, Role::Owner),
    (AccountKind::Msp, Role::Technician),
    (AccountKind::Msp, Role::Viewer),
    (AccountKind::Msp, Role::Client),
    (AccountKind::Operator, Role::Owner),
    (AccountKind::Operator, Role::Reviewer),
];

/// Every cell, in the order of `PEOPLE`: written a second time and in another form, so that a slip in the table is seen.
const CELLS: [(Action, &str); 16] = [
    (Action::SeeDevices, "- xxxx --"),
    (Action::SeeSetup, "- xxx- --"),
    (Action::SeeReleases, "x xxx- xx"),
    (Action::SeeUsage, "x ---- xx"),
    (Action::ManageDevices, "- xx-- --"),
    (Action::Install, "- xx-- --"),
    (Action::RunScripts, "- xx-- --"),
    (Action::WorkTickets, "- xx-- --"),
    (Action::ManageClients, "- x--- --"),
    (Action::ManageTicketing, "- x--- --"),
    (Action::LimitPermissions, "- x--- --"),
    (Action::ManagePeople, "- x--- --"),
    (Action::SeeAudit, "x x--- x-"),
    (Action::Publish, "x ---- --"),
    (Action::Review, "- ---- xx"),
    (Action::ManageAccounts, "- ---- x-"),
];

#[test]
fn every_cell_of_the_table_is_as_it_is_meant() {
    for (action, (row, cells)) in Action::ALL.into_iter().zip(CELLS) {
        assert_eq!(action, row);
        let cells: Vec<char> = cells.chars().filter(|cell| *cell != ' ').collect();
        for ((kind, role), cell) in PEOPLE.into_iter().zip(cells) {
            assert_eq!(may(kind, role, action), cell == 'x', "{kind:?} {role:?} {action:?}");
        }
    }
}

#[test]
fn a_role_that_a_kind_does_not_have_may_do_nothing() {
    let kinds = [AccountKind::Publisher, AccountKind::Msp, AccountKind::Operator];
    let mut known = 0;
    for (kind, role) in kinds.into_iter().flat_map(|kind| Role::ALL.map(|role| (kind, role))) {
        if Role::of(kind).contains(&role) {
            assert!(PEOPLE.contains(&(kind, role)));
            assert!(Action::ALL.into_iter().any(|action| may(kind, role, action)), "{kind:?} {role:?}");
            known += 1;
        } else {
            assert!(Action::ALL.into_iter().all(|action| !may(kind, role, action)), "{kind:?} {role:?}");
        }
    }
    assert_eq!(known, PEOPLE.len());
}

fn client(number: u8) -> ClientId {
    ClientId::from_random([number; 16])
}

fn access(role: Role, clients: Clients) -> Access {
    Access { tenant: TenantId::from_random([9; 16]), role, clients }
}

#[test]
fn somebody_for_some_clients_reads_and_changes_those_alone() {
    let one = || Clients::Only([client(1)].into());
    let technician = access(Role::Technician, one());
    assert!(technician.may_read_client(&client(1)) && !technician.may_read_client(&client(2)));
    assert!(technician.may_change(Action::Install, &client(1)) && !technician.may_change(Action::Install, &client(2)));
    assert!(!technician.may_change(Action::ManagePeople, &client(1)));
    let viewer = access(Role::Viewer, one());
    assert!(viewer.may_read_client(&client(1)) && !viewer.may_change(Action::Install, &client(1)));
    let nobody = access(Role::Technician, Clients::Only(BTreeSet::new()));
    assert!(!nobody.may_read_client(&client(1)));
    let all = access(Role::Technician, Clients::All);
    assert!(all.may_read_client(&client(2)) && all.may_change(Action::Install, &client(2)));
}

#[test]
fn what_reaches_every_client_needs_somebody_for_every_client() {
    let (all, some) =
        (access(Role::Technician, Clients::All), access(Role::Technician, Clients::Only([client(1)].into())));
    assert!(all.may_target(&Target::All) && !some.may_target(&Target::All));
    assert!(some.may_target(&Target::Client(client(1))));
    let account = AccountId::from_random([1; 16]);
    assert_eq!(all.scope(&account), Scope::Tenant(all.tenant.clone()));
    assert_eq!(some.scope(&account), Scope::Part { tenant: some.tenant.clone(), account });
}

#[test]
fn roles_and_their_clients_go_together() {
    let some = || Clients::Only([client(1)].into());
    let none = || Clients::Only(BTreeSet::new());
    let check = |role, clients: Clients| check_role(AccountKind::Msp, role, &clients);
    assert_eq!(check(Role::Owner, Clients::All), Ok(()));
    assert_eq!(check(Role::Owner, some()), Err(BadRole::OwnerOfSome));
    assert_eq!(check(Role::Technician, Clients::All), Ok(()));
    assert_eq!(check(Role::Viewer, some()), Ok(()));
    assert_eq!(check(Role::Technician, none()), Err(BadRole::ClientOfAll));
    assert_eq!(check(Role::Client, Clients::All), Err(BadRole::ClientOfAll));
    assert_eq!(check(Role::Client, some()), Ok(()));
    let wrong = check(Role::Reviewer, Clients::All).unwrap_err();
    assert_eq!(wrong.to_string(), "role \"reviewer\" is none of msp: owner, technician, viewer, client");
    assert!(check_role(AccountKind::Publisher, Role::Viewer, &Clients::All).is_err());
    assert!(check_role(AccountKind::Operator, Role::Reviewer, &Clients::All).is_ok());
}

#[test]
fn an_owner_stays() {
    let [one, two] = [1, 2].map(|number| AccountId::from_random([number; 16]));
    assert!(!keeps_an_owner([(&one, Role::Owner), (&two, Role::Technician)], &one));
    assert!(keeps_an_owner([(&one, Role::Owner), (&two, Role::Owner)], &one));
    assert!(keeps_an_owner([(&one, Role::Owner), (&two, Role::Technician)], &two));
}

# Fills an empty Request Tracker with what a small service provider's desk has.   request-tracker-seed.pl DIR
# Writes DIR/fitment-token and DIR/technician-token, readable by their owner only.
use strict;
use warnings;
use RT -init;

my $dir = shift @ARGV or die "usage: request-tracker-seed.pl DIR\n";
my $system = RT->SystemUser;

sub made {
    my ($what, $ok, $message) = @_;
    die "$what: " . ($message // 'no reason given') . "\n" unless $ok;
}

sub write_secret {
    my ($name, $text) = @_;
    umask 0077;
    open my $file, '>', "$dir/$name" or die "$dir/$name: $!\n";
    print {$file} $text;
    close $file or die "$dir/$name: $!\n";
}

sub user {
    my ($name, $real_name, @rights) = @_;
    my $user = RT::User->new($system);
    made("user $name", $user->Create(Name => $name, RealName => $real_name, EmailAddress => "$name\@desk.example", Privileged => 1));
    for my $right (@rights) {
        made("right $right of $name", $user->PrincipalObj->GrantRight(Object => $RT::System, Right => $right));
    }
    require RT::AuthToken;
    my $token = RT::AuthToken->new($system);
    my ($ok, $message, $text) = $token->Create(Owner => $user->id, Description => "$real_name (tests)");
    made("token of $name", $ok, $message);
    write_secret("$name-token", $text);
}

# What somebody who works on tickets needs, and no administration: the connector has to do with the rights that a careful
# operator would give it.
my @desk = qw(SeeQueue ShowTicket ShowTicketComments CreateTicket ReplyToTicket CommentOnTicket ModifyTicket OwnTicket
    SeeCustomField ModifyCustomField SetInitialCustomField);
user('fitment', 'Fitment connector', @desk);
user('technician', 'Theo Technician', @desk, qw(TakeTicket StealTicket DeleteTicket Watch));

my %queues = (
    'Service Desk' => 'What people ask for',
    'Alerts'       => 'What monitoring found',
    'Projects'     => 'Planned work',
);
for my $name (sort keys %queues) {
    my $queue = RT::Queue->new($system);
    made("queue $name", $queue->Create(Name => $name, Description => $queues{$name}, Lifecycle => 'helpdesk', SubjectTag => $name));
}

my $field = RT::CustomField->new($system);
made('field FitmentReference', $field->Create(Name => 'FitmentReference', Type => 'FreeformSingle', LookupType => 'RT::Queue-RT::Ticket',
    Description => 'The reference that the monitoring product looks a ticket up by'));
made('field FitmentReference on all queues', $field->AddToObject(RT::Queue->new($system)));

# Prints labels, in Perl, over stdio. An order is a maildir: a sheet is written in tmp, and renamed into new.
#
# --no-twins: a start reads which labels are printed already, and prints none of those again.
# --calls-off: who closes the input has gone away for good, and what he had ordered is called off.
use strict;
use warnings;
use JSON::PP;
use Time::HiRes qw(time);

my ($dir, $ledger, @flags) = @ARGV;
my %flag = map { $_ => 1 } @flags;
my $json = JSON::PP->new->canonical;
my @names = map { my $a = $_; map { "$a$_" } qw(berg thal feld au hof bach) } qw(Stein Ried Hoch Lang Neu Alt Wald Sonn Mar Ober);
my (%orders, %printed);
mkdir $dir;

sub slurp { my ($path) = @_; open my $in, '<', $path or die "$path: $!"; local $/; my $text = <$in>; return $text }

sub put {
    my ($folder, $name, $text) = @_;
    open my $out, '>', "$folder/tmp/$name.$$" or die "$folder: $!";
    print {$out} $text;
    close $out or die "$folder: $!";
    rename "$folder/tmp/$name.$$", "$folder/new/$name" or die "$folder: $!";
}

sub sheets { my ($no) = @_; my @there = sort grep { m{/sheet-\d+$} } glob "$dir/$no/new/*"; return @there }

# The first three sheets of four are quick, the paper of the fourth has to be fetched.
sub pace { my ($sheet) = @_; return $sheet % 4 == 3 ? 0.13 : 0.02 }

sub known {
    my ($no) = @_;
    return if exists $orders{$no} || !-e "$dir/$no/new/order";
    my $order = $json->decode(slurp("$dir/$no/new/order"));
    $order->{sheets} = scalar sheets($no);
    $order->{called_off} = 1 if -e "$dir/$no/new/called-off";
    $order->{next} = time + pace($order->{sheets});
    $orders{$no} = $order;
    if ($flag{'--no-twins'}) {
        $printed{$no}{ $_->{name} } = 1 for map { @{ $json->decode(slurp($_)) } } sheets($no);
    }
}

sub ready { my ($order) = @_; return $order->{sheets} * $order->{per_sheet} >= $order->{labels} }

sub state_of {
    my ($order) = @_;
    return ready($order) ? 'printed' : $order->{called_off} ? 'called off' : 'printing';
}

sub print_sheet {
    my ($no) = @_;
    my $order = $orders{$no};
    my $first = $order->{sheets} * $order->{per_sheet};
    my $last = $first + $order->{per_sheet} - 1;
    $last = $order->{labels} - 1 if $last > $order->{labels} - 1;
    my @labels;
    for my $n ($first .. $last) {
        my $name = $names[$n % @names];
        next if $printed{$no} && $printed{$no}{$name};
        if ($ledger) {
            open my $out, '>>', $ledger or die "$ledger: $!";
            syswrite $out, $json->encode({ task => $no, record => $n }) . "\n";
            close $out;
        }
        push @labels, { label => $n, name => $name };
    }
    put("$dir/$no", sprintf('sheet-%05d', $order->{sheets}), $json->encode(\@labels));
    $order->{sheets}++;
    $order->{next} = time + pace($order->{sheets});
}

my %tools = (
    print_labels => sub {
        my ($given) = @_;
        for my $what (qw(labels per_sheet)) {
            die "$what is a number from 1 on\n" if ($given->{$what} // '') !~ /^[1-9]\d*$/;
        }
        my $no = join '-', 'L', map { sprintf '%06x', int rand 0x1000000 } 1, 2;
        mkdir "$dir/$no";
        mkdir "$dir/$no/$_" for qw(tmp new);
        put("$dir/$no", 'order', $json->encode({ map { $_ => $given->{$_} + 0 } qw(labels per_sheet) }));
        known($no);
        return { order => { no => $no } };
    },
    order_state => sub {
        my ($given) = @_;
        my $order = $orders{ $given->{no} // '' } or die "no order " . ($given->{no} // '') . "\n";
        my $done = $order->{sheets} * $order->{per_sheet};
        $done = $order->{labels} if $done > $order->{labels};
        return { no => $given->{no}, state => state_of($order), printed => "$done", of => "$order->{labels}" };
    },
    labels_of => sub {
        my ($given) = @_;
        my $order = $orders{ $given->{no} // '' } or die "no order\n";
        my @there = sheets($given->{no});
        my $at = $given->{sheet} // 0;
        my $labels = $at < @there ? $json->decode(slurp($there[$at])) : [];
        return { labels => $labels, $at + 1 < @there ? (next_sheet => $at + 1) : () };
    },
    orders => sub {
        return { orders => [map { { order => { no => $_, state => state_of($orders{$_}) } } } sort keys %orders] };
    },
);
my %string = (type => 'string');
my %whole = (type => 'integer');
my %takes = (
    print_labels => { labels => \%whole, per_sheet => \%whole },
    order_state => { no => \%string },
    labels_of => { no => \%string, sheet => \%whole },
    orders => {},
);

sub answer {
    my ($method, $params) = @_;
    if ($method eq 'initialize') {
        my $wanted = $params->{protocolVersion} // '';
        my $spoken = $wanted =~ /^(2024-11-05|2025-03-26|2025-06-18)$/ ? $wanted : '2025-06-18';
        my %me = (name => 'label press', version => '2.1');
        return { protocolVersion => $spoken, capabilities => { tools => {} }, serverInfo => \%me };
    }
    return {} if $method eq 'ping';
    if ($method eq 'tools/list') {
        return {
            tools => [
                map { { name => $_, inputSchema => { type => 'object', properties => $takes{$_} } } } sort keys %takes
            ]
        };
    }
    return if $method ne 'tools/call';
    my $tool = $tools{ $params->{name} } or die "no tool $params->{name}\n";
    my $said = eval { $json->encode($tool->($params->{arguments} // {})) };
    my $wrong = $@;
    chomp $wrong;
    my %text = (type => 'text', text => $said // $wrong);
    return { content => [\%text], isError => defined $said ? JSON::PP::false : JSON::PP::true };
}

sub say_to_caller { my ($message) = @_; syswrite STDOUT, $json->encode({ jsonrpc => '2.0', %$message }) . "\n" }

sub heard {
    my ($line) = @_;
    my $asked = eval { $json->decode($line) } or return;
    return if !exists $asked->{id} || !exists $asked->{method};
    my $result = eval { answer($asked->{method}, $asked->{params} // {}) };
    my $wrong = $@;
    chomp $wrong;
    return say_to_caller({ id => $asked->{id}, result => $result }) if $result;
    my %error = $wrong ? (code => -32602, message => $wrong) : (code => -32601, message => "no $asked->{method}");
    say_to_caller({ id => $asked->{id}, error => \%error });
}

srand;
known(m{([^/]+)$}) for glob "$dir/*";
my $buffer = '';
while (1) {
    my ($due) = sort { $orders{$a}{next} <=> $orders{$b}{next} } grep { state_of($orders{$_}) eq 'printing' } keys %orders;
    my $wait = defined $due ? $orders{$due}{next} - time : undef;
    my $eyes = '';
    vec($eyes, fileno(STDIN), 1) = 1;
    if (select $eyes, undef, undef, defined $wait && $wait < 0 ? 0 : $wait) {
        last if !sysread STDIN, $buffer, 65536, length $buffer;
        heard($1) while $buffer =~ s/^(.*?)\n//s;
    }
    elsif (defined $due) {
        print_sheet($due);
    }
}
if ($flag{'--calls-off'}) {
    put("$dir/$_", 'called-off', '') for grep { state_of($orders{$_}) eq 'printing' } keys %orders;
}

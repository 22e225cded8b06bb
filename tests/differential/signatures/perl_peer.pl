# Mail::DKIM (Debian's libmail-dkim-perl) as a peer of compare.py: the same jobs and answers as pabal_peer.cpp's.
use strict;
use warnings;
use JSON::PP;
use Mail::DKIM::ARC::Signer;
use Mail::DKIM::ARC::Verifier;
use Mail::DKIM::PrivateKey;
use Mail::DKIM::Signer;
use Mail::DKIM::Verifier;
use Net::DNS;

my $json = JSON::PP->new->utf8->canonical;

sub contents {
    my ($path) = @_;
    open(my $in, '<:raw', $path) or die "$path: $!";
    local $/ = undef;
    return scalar <$in>;
}

my $world = $json->decode(contents('world.json'));
{
    no warnings 'redefine';
    *Mail::DKIM::DNS::query = sub {
        my ($domain, $type) = @_;
        my $texts = $world->{ lc $domain };
        if (!$texts) { $@ = 'NXDOMAIN'; return (); }
        return map { Net::DNS::RR->new(name => $domain, type => 'TXT', txtdata => [ $_ =~ /(.{1,255})/gs ]) } @$texts;
    };
}

sub feed {
    my ($to, $letter) = @_;
    $to->PRINT($letter);
    $to->CLOSE;
    return;
}

sub sign {
    my ($job, $letter) = @_;
    my $signer = Mail::DKIM::Signer->new(
        Algorithm => 'rsa-sha256', Method => $job->{c}, Domain => $job->{domain}, Selector => $job->{selector},
        KeyFile => $job->{key}, Headers => $job->{headers});
    feed($signer, $letter);
    return $signer->signature->as_string . "\r\n";
}

sub seal {
    my ($job, $letter) = @_;
    my $signer = Mail::DKIM::ARC::Signer->new(
        Algorithm => 'rsa-sha256', Chain => $job->{cv}, Domain => $job->{domain}, SrvId => (split /;/, $job->{results})[0],
        Selector => $job->{selector}, KeyFile => $job->{key}, Headers => $job->{headers});
    feed($signer, "Authentication-Results: $job->{results}\r\n$letter");
    die 'not sealed: ' . ($signer->{details} // '') . "\n" unless ($signer->result // '') eq 'sealed';
    return join("\r\n", $signer->as_strings) . "\r\n";
}

sub verify {
    my ($letter) = @_;
    my $verifier = Mail::DKIM::Verifier->new();
    feed($verifier, $letter);
    my @dkim = map { $_->result // 'none' } $verifier->signatures;
    my $arc = 'none';
    if ($letter =~ /^arc-/mi) {
        my $chain = Mail::DKIM::ARC::Verifier->new();
        feed($chain, $letter);
        $arc = $chain->result // 'none';
    }
    return { dkim => \@dkim, arc => $arc };
}

while (my $line = <STDIN>) {
    my $job    = $json->decode($line);
    my $answer = {};
    my $done   = eval {
        my $letter = contents($job->{file});
        $letter =~ s/\r?\n/\r\n/g;
        if ($job->{do} eq 'verify') {
            $answer = verify($letter);
        }
        else {
            my $fields = $job->{do} eq 'sign' ? sign($job, $letter) : seal($job, $letter);
            open(my $out, '>:raw', $job->{out}) or die "$job->{out}: $!";
            print {$out} $fields, $letter;
            close $out or die "$job->{out}: $!";
        }
        1;
    };
    $answer = { error => "$@" } unless $done;
    $answer->{id} = $job->{id};
    print $json->encode($answer), "\n";
}

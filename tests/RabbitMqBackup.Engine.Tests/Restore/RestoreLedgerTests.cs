using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Restore;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Restore;

public class RestoreLedgerTests
{
    [Fact]
    public void After_a_lost_connection_only_what_is_not_known_goes_again()
    {
        RestoreLedger ledger = new(4);
        Publish(ledger, 0, 1, 2, 3);
        ledger.End(State(published: 4, confirmed: 2, unknown: [2, 4]));

        Assert.Equal(1, ledger.FirstOpen);
        Assert.Equal([false, true, false, true], new long[] { 0, 1, 2, 3 }.Select(ordinal => !ledger.IsThrough(ordinal)));
        Assert.False(ledger.IsThrough(4));

        Publish(ledger, 1, 3, 4);
        ledger.End(State(published: 3, confirmed: 3, unknown: []));

        Assert.Equal((5, 2, 0), (ledger.Confirmed, ledger.SentAgain, ledger.Unconfirmed));
        Assert.Equal(5, ledger.FirstOpen);
    }

    [Fact]
    public void A_message_that_was_not_sent_is_no_duplicate()
    {
        RestoreLedger ledger = new(2);
        Publish(ledger, 0, 1, 2);
        ledger.End(State(published: 2, confirmed: 1, unknown: [2]));

        Assert.Equal(1, ledger.Unconfirmed);
        Assert.False(ledger.IsThrough(2));
        Publish(ledger, 1, 2);
        ledger.End(State(published: 2, confirmed: 2, unknown: []));

        Assert.Equal((3, 1), (ledger.Confirmed, ledger.SentAgain));
    }

    [Fact]
    public void Refusals_are_known_by_their_ordinal_however_many_went_before()
    {
        RestoreLedger ledger = new(2);
        Publish(ledger, 10, 20, 30);

        Assert.Equal(30, ledger.Refuse(3));
        ledger.NotSent();
        Assert.Equal([30, 30], ledger.Refused);
    }

    [Fact]
    public void What_is_passed_is_through()
    {
        RestoreLedger ledger = new(2);
        ledger.BeginAt(5);
        ledger.Expire(5);
        ledger.Return(6);

        Assert.True(ledger.IsThrough(6));
        Assert.False(ledger.IsThrough(7));
        Assert.Equal((0, 1, 7), (ledger.Confirmed, ledger.Returned, ledger.FirstOpen));
    }

    [Fact]
    public void A_mark_is_where_another_run_goes_on()
    {
        RestoreLedger ledger = new(8);
        ledger.BeginAt(10);
        Publish(ledger, 10, 11);
        ledger.Expire(12);
        Publish(ledger, 13, 14, 15);
        ledger.Refuse(2);

        RestoreMark early = ledger.MarkAt(1)!;
        RestoreMark late = ledger.MarkAt(4)!;
        RestoreMark end = ledger.MarkAt(6)!;

        Assert.Equal((10, 0, 0), (early.Through, early.Passed, early.Refused.Count));
        Assert.Equal((14, 4, 1), (late.Through, late.Passed, late.Expired));
        Assert.Equal([11], late.Refused);
        Assert.Equal((16, 6, 0), (end.Through, end.Passed, end.Refused.Count));

        RestoreLedger next = new(8);
        next.GoOn(late);
        Assert.Equal((2, 1, 1, 8), (next.AlreadyThere, next.Expired, next.Rejected, next.SentAgain));
        Assert.Equal((true, false), (next.IsThrough(13), next.IsThrough(14)));
    }

    [Fact]
    public void While_messages_of_a_lost_connection_are_open_there_is_nothing_new_to_remember()
    {
        RestoreLedger ledger = new(4);
        Publish(ledger, 0, 1, 2, 3);
        ledger.End(State(published: 4, confirmed: 2, unknown: [2, 4]));

        Assert.Equal((1, 1, 3), (ledger.MarkAtEnd().Through, ledger.MarkAtEnd().Passed, ledger.MarkAtEnd().Beyond));
        Publish(ledger, 1);
        Assert.Null(ledger.MarkAt(1));
        Publish(ledger, 3, 4);
        Assert.Null(ledger.MarkAt(2));
        Assert.Equal((4, 4), (ledger.MarkAt(3)!.Through, ledger.MarkAt(3)!.Passed));
    }

    private static void Publish(RestoreLedger ledger, params long[] ordinals)
    {
        foreach (long ordinal in ordinals)
        {
            ledger.Publishing(ordinal);
        }
    }

    private static PublishState State(ulong published, ulong confirmed, ulong[] unknown) =>
        new() { Published = published, Confirmed = confirmed, Nacked = 0, Returned = 0, Unknown = unknown };
}

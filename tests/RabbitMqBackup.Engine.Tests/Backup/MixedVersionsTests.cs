using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>
/// A cluster that is upgraded node by node: as long as one member of a quorum queue is older than 4.3 it works as before, also at nodes of 4.3, where a nack then counts and in the end drops messages. Here a node of 4.3
/// is told that it knows no newer state machine than that of 4.2, and that its feature flag is not enabled, as then.
/// </summary>
public sealed class MixedVersionsTests
{
    private const string Older = """
        Answer = fun(Module, Function, Value) ->
            {ok, {_, [{abstract_code, {_, Forms}}]}} = beam_lib:chunks(code:which(Module), [abstract_code]),
            Changed = [case Form of {function, Line, Function, 0, _} -> {function, Line, Function, 0, [{clause, Line, [], [], [erl_parse:abstract(Value)]}]}; _ -> Form end || Form <- Forms],
            {ok, Module, Binary} = compile:forms(Changed, [nowarn_unused_function]),
            code:purge(Module),
            {module, Module} = code:load_binary(Module, "older", Binary)
        end,
        Answer(rabbit_fifo, version, 7),
        Answer(rabbit_mgmt_wm_feature_flags, feature_flags, [#{name => 'rabbitmq_4.3.0', state => disabled}]).
        """;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_queue_with_an_older_member_is_read_as_on_that_version(bool force)
    {
        await using OwnTestBroker broker = await Brokers.OwnAsync("4.3");
        await broker.CtlAsync("rabbitmqctl", "eval", Older);
        await BackUpInARowAsync(broker, "policy", force);
        await BackUpInARowAsync(broker, "argument", force);
    }

    private static async Task BackUpInARowAsync(TestBroker broker, string source, bool force)
    {
        const int Limit = 3, Readable = Limit - 1;
        await using LimitedQueue queue = await LimitedQueue.CreateAsync("4.3", source, Limit, broker: broker);
        using ManagementClient management = new(queue.Harness.Broker);
        Assert.Equal([7L], await management.GetMachineVersionsAsync(new(queue.VirtualHost, LimitedQueue.Queue), Cancellation));

        for (int run = 0; run < 2 * Limit; run++)
        {
            if (run == Readable)
            {
                await queue.AwaitListedAsync();
            }

            QueueEntry entry = await queue.BackupAsync(force);
            (QueueOutcome, long, string?) expected = force || run < Readable ? (QueueOutcome.Captured, LimitedQueue.Count, null) : (QueueOutcome.Skipped, 0, nameof(ErrorCode.QueueAtRisk));
            Assert.Equal(expected, (entry.Outcome, entry.Messages, entry.ErrorCode));
            if (run < Readable)
            {
                Assert.Equal(("channel-close", run), (entry.ReleasedBy, (int)(entry.HighestDeliveryCount ?? 0)));
                Assert.Contains(entry.VerdictReasons, reason => reason.Contains("a member of it runs a RabbitMQ before 4.3", StringComparison.Ordinal));
            }
        }

        await queue.AssertUnharmedAsync();
    }
}

using RabbitMqBackup.Engine.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

public class ReadSafetyTests
{
    private static readonly Version V310 = new(3, 10, 8);
    private static readonly Version V40 = new(4, 0, 5);
    private static readonly Version V43 = new(4, 3, 6);

    [Theory]
    [InlineData("3.10.8")]
    [InlineData("4.0.5")]
    [InlineData("4.3.6")]
    public void A_plain_classic_queue_is_safe_and_released_by_channel_close(string version)
    {
        ReadDecision decision = Decide(Classic(), Version.Parse(version));

        Assert.Equal(ReadVerdict.Safe, decision.Verdict);
        Assert.Empty(decision.Reasons);
        Assert.Null(decision.SkipCode);
        Assert.Equal((QueueReadMethod.Consume, QueueReleaseMethod.ChannelClose, false, 31), (decision.Plan!.Method, decision.Plan.Release, decision.Plan.ReleaseCounts, decision.Plan.MaxConsumers));
        Assert.Null(decision.Plan.ConsumerTimeout);
    }

    [Fact]
    public void A_quorum_queue_of_4_3_is_nacked_uncounted_with_its_own_time_out()
    {
        ReadDecision decision = Decide(Quorum(), V43);

        Assert.Equal(ReadVerdict.Safe, decision.Verdict);
        Assert.Equal((QueueReadMethod.Consume, QueueReleaseMethod.Nack, false), (decision.Plan!.Method, decision.Plan.Release, decision.Plan.ReleaseCounts));
        Assert.Equal(TimeSpan.FromHours(24), decision.Plan.ConsumerTimeout);
        Assert.Equal(20, decision.Plan.StopAtDeliveryCount);
    }

    [Theory]
    [InlineData("4.0.5")]
    [InlineData("4.2.1")]
    public void Before_4_3_a_backup_of_a_quorum_queue_costs_lives(string version)
    {
        ReadDecision decision = Decide(Quorum(), Version.Parse(version));

        Assert.Equal(ReadVerdict.Caution, decision.Verdict);
        Assert.Contains("one of its 20 deliveries", Assert.Single(decision.Reasons));
        Assert.Equal((QueueReleaseMethod.ChannelClose, true, 20, 16, true), (decision.Plan!.Release, decision.Plan.ReleaseCounts, decision.Plan.DeliveryLimit, decision.Plan.StopAtDeliveryCount, decision.Plan.LimitCanBeRaised));
        Assert.Null(decision.SkipCode);
    }

    [Theory]
    [InlineData("4.3.6", 7, 8, 16)]
    [InlineData("4.3.6", 0, 8, 16)]
    [InlineData("4.0.5", 3, 5, 16)]
    [InlineData("3.13.7", 3, 5, 16)]
    [InlineData("3.13.7", 3, 3, null)]
    public void A_queue_with_older_members_is_read_as_on_the_oldest_with_the_limit_of_the_newest(string version, long lowest, long highest, int? stopsAt)
    {
        ReadDecision decision = Decide(Quorum() with { Machines = new(lowest, highest) }, Version.Parse(version));

        Assert.Equal((QueueReleaseMethod.ChannelClose, true, stopsAt), (decision.Plan!.Release, decision.Plan.ReleaseCounts, (int?)decision.Plan.StopAtDeliveryCount));
        Assert.Null(decision.Plan.ConsumerTimeout);
        Assert.Equal(version == "4.3.6", decision.Plan.CountsAcquisitions);
    }

    [Fact]
    public void The_argument_minus_one_is_not_touched_while_a_member_may_run_3_x()
    {
        QueueInfo queue = Quorum() with { Arguments = new Dictionary<string, object?> { ["x-delivery-limit"] = -1L } };

        Assert.NotNull(Decide(queue with { Machines = new(5, 5) }, V40).Plan);
        Assert.Equal((null, ErrorCode.QueueAtRisk), (Decide(queue with { Machines = new(3, 5) }, V40).Plan, Decide(queue with { Machines = new(3, 5) }, V40).SkipCode));
    }

    [Theory]
    [InlineData(3, ReadVerdict.Safe)]
    [InlineData(15, ReadVerdict.Caution)]
    public void Without_a_limit_it_is_told_what_an_upgrade_will_make_of_the_counts(long highest, ReadVerdict verdict)
    {
        ReadDecision decision = ReadSafety.Decide(Quorum(), V310, new() { LastRead = _ => new(highest, 100) });

        Assert.Equal(verdict, decision.Verdict);
        Assert.Contains("RabbitMQ 4, which drops or dead-letters messages at 20 by default", Assert.Single(decision.Reasons), StringComparison.Ordinal);
    }

    [Fact]
    public void A_quorum_queue_of_3_10_without_a_limit_is_safe()
    {
        ReadDecision decision = Decide(Quorum(), V310);

        Assert.Equal(ReadVerdict.Safe, decision.Verdict);
        Assert.Equal((QueueReleaseMethod.ChannelClose, true), (decision.Plan!.Release, decision.Plan.ReleaseCounts));
        Assert.Null(decision.Plan.StopAtDeliveryCount);
    }

    [Fact]
    public void The_highest_count_of_the_last_backup_and_a_reserve_of_ones_own_are_told()
    {
        ReadDecision decision = ReadSafety.Decide(Quorum(), V40, new() { DeliveryLimitReserve = 7, LastRead = name => name.Name == "q" ? new LastRead(11, 5) : null });

        Assert.Contains("stops at a message with 13", decision.Reasons[0]);
        Assert.Contains("saw a message with 11", decision.Reasons[0]);
        Assert.Equal(13, decision.Plan!.StopAtDeliveryCount);
    }

    [Fact]
    public void A_limit_by_argument_can_not_be_raised() => Assert.False(Decide(Quorum(("x-delivery-limit", 5L)), V40).Plan!.LimitCanBeRaised);

    [Theory]
    [InlineData(1L)]
    [InlineData(0L)]
    public void A_limit_that_leaves_nothing_for_a_backup_is_a_risk_that_can_be_forced(long limit)
    {
        ReadDecision decision = Decide(Quorum(("x-delivery-limit", limit)), V40);

        Assert.Equal((ReadVerdict.Unsafe, ErrorCode.QueueAtRisk, true), (decision.Verdict, decision.SkipCode, decision.CanForce));
    }

    [Fact]
    public void The_argument_minus_one_is_refused_on_3_10_and_means_unlimited_on_4_0()
    {
        ReadDecision old = Decide(Quorum(("x-delivery-limit", -1L)), V310);
        ReadDecision current = Decide(Quorum(("x-delivery-limit", -1L)), V40);

        Assert.Equal((ReadVerdict.Unsafe, ErrorCode.QueueAtRisk, false), (old.Verdict, old.SkipCode, old.CanForce));
        Assert.Null(old.Plan);
        Assert.Equal(ReadVerdict.Safe, current.Verdict);
        Assert.Null(current.Plan!.DeliveryLimit);
    }

    [Theory]
    [InlineData("3.10.8")]
    [InlineData("4.3.6")]
    public void An_auto_delete_queue_is_read_with_get(string version)
    {
        ReadDecision decision = Decide(Classic() with { AutoDelete = true }, Version.Parse(version));

        Assert.Equal(ReadVerdict.Safe, decision.Verdict);
        Assert.Equal((QueueReadMethod.Get, QueueReleaseMethod.ChannelClose), (decision.Plan!.Method, decision.Plan.Release));
        Assert.Contains("deleted with its last consumer", decision.Reasons[0]);
    }

    [Fact]
    public void An_exclusive_queue_is_in_use()
    {
        ReadDecision decision = Decide(Classic() with { Exclusive = true, AutoDelete = true, Consumers = 1 }, V40);

        Assert.Equal((ReadVerdict.Unsafe, ErrorCode.QueueInUse, false), (decision.Verdict, decision.SkipCode, decision.CanForce));
        Assert.Contains("exclusive to one connection", Assert.Single(decision.Reasons));
    }

    [Fact]
    public void Past_an_exclusive_consumer_a_classic_queue_is_read_with_get()
    {
        ReadDecision decision = Decide(Classic() with { HasExclusiveConsumer = true, Consumers = 1 }, V40);

        Assert.Equal(ReadVerdict.Caution, decision.Verdict);
        Assert.Equal(QueueReadMethod.Get, decision.Plan!.Method);
    }

    [Fact]
    public void A_classic_queue_with_single_active_consumer_is_read_with_get() =>
        Assert.Equal(QueueReadMethod.Get, Decide(Classic(("x-single-active-consumer", true)), V310).Plan!.Method);

    [Fact]
    public void A_quorum_queue_whose_single_active_consumer_is_at_work_can_not_be_read()
    {
        ReadDecision decision = Decide(Quorum(("x-single-active-consumer", true)) with { HasActiveConsumer = true, Consumers = 1 }, V43);

        Assert.Equal((ReadVerdict.Unsafe, ErrorCode.QueueInUse, false), (decision.Verdict, decision.SkipCode, decision.CanForce));
    }

    [Fact]
    public void A_quorum_queue_with_an_idle_single_active_consumer_is_read_by_one_consumer()
    {
        ReadDecision decision = Decide(Quorum(("x-single-active-consumer", true)), V43);

        Assert.Equal(ReadVerdict.Caution, decision.Verdict);
        Assert.Equal((QueueReadMethod.Consume, 1), (decision.Plan!.Method, decision.Plan.MaxConsumers));
    }

    [Theory]
    [InlineData("all", ReadVerdict.Unsafe)]
    [InlineData("returned", ReadVerdict.Unsafe)]
    [InlineData("failed", ReadVerdict.Caution)]
    [InlineData("disabled", ReadVerdict.Safe)]
    public void Delayed_retry_counts_on_4_3_by_argument_and_by_policy(string type, ReadVerdict expected)
    {
        QueueInfo byPolicy = Quorum() with { EffectivePolicy = new Dictionary<string, object?> { ["delayed-retry-type"] = type } };

        Assert.Equal(expected, Decide(Quorum(("x-delayed-retry-type", type)), V43).Verdict);
        Assert.Equal(expected, Decide(byPolicy, V43).Verdict);
        Assert.Equal(ReadVerdict.Safe, Decide(Quorum(("x-delayed-retry-type", type)), V310).Verdict);
    }

    [Fact]
    public void Live_consumers_and_what_they_hold_are_told()
    {
        ReadDecision decision = Decide(Classic() with { Consumers = 2, Unacknowledged = 40 }, V40);

        Assert.Equal(ReadVerdict.Caution, decision.Verdict);
        Assert.Contains(decision.Reasons, reason => reason.StartsWith("2 consumer(s)", StringComparison.Ordinal));
        Assert.Contains(decision.Reasons, reason => reason.Contains("40 message(s) are held unacknowledged", StringComparison.Ordinal));
    }

    [Fact]
    public void Messages_in_a_delayed_retry_are_told() => Assert.Contains("7 message(s) wait", Decide(Quorum() with { Delayed = 7 }, V43).Reasons[0]);

    [Theory]
    [InlineData("x-message-ttl", "live 60 s")]
    [InlineData("x-expires", "nobody uses it for 60 s")]
    [InlineData("x-max-length", "only at the end")]
    [InlineData("x-max-length-bytes", "only at the end")]
    public void Limits_whose_effect_a_hold_shifts_are_told(string argument, string expected)
    {
        ReadDecision decision = Decide(Classic((argument, 60_000L)), V40);

        Assert.Equal(ReadVerdict.Caution, decision.Verdict);
        Assert.Contains(expected, Assert.Single(decision.Reasons));
    }

    [Fact]
    public void Of_argument_and_policy_the_smaller_time_is_told()
    {
        QueueInfo queue = Classic(("x-message-ttl", 60_000L)) with { EffectivePolicy = new Dictionary<string, object?> { ["message-ttl"] = 5_000L } };

        Assert.Contains("live 5000 ms", Decide(queue, V40).Reasons[0]);
    }

    [Fact]
    public void A_length_limit_that_rejects_is_told_otherwise() =>
        Assert.Contains("fill it beyond the limit", Decide(Classic(("x-max-length", 5L), ("x-overflow", "reject-publish")), V40).Reasons[0]);

    [Theory]
    [InlineData("down")]
    [InlineData("stopped")]
    [InlineData("crashed")]
    [InlineData("minority")]
    public void A_queue_that_does_not_run_is_not_read(string state)
    {
        ReadDecision decision = Decide(Quorum() with { State = state, Node = "rabbit@b" }, V40);

        Assert.Equal((ReadVerdict.Unsafe, ErrorCode.QueueUnavailable, false), (decision.Verdict, decision.SkipCode, decision.CanForce));
        Assert.Contains("rabbit@b", decision.Reasons[0]);
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(2, false)]
    public void A_quorum_queue_needs_a_majority(int online, bool refused)
    {
        string[] members = ["a", "b", "c"];
        ReadDecision decision = Decide(Quorum() with { Members = members, Online = members[..online] }, V43);

        Assert.Equal(refused, decision.SkipCode == ErrorCode.QueueUnavailable);
    }

    [Fact]
    public void A_type_that_is_not_known_is_not_read()
    {
        ReadDecision decision = Decide(Classic() with { Type = "rabbit_mqtt_qos0_queue" }, V43);

        Assert.Equal((ReadVerdict.Unsafe, ErrorCode.QueueAtRisk, false), (decision.Verdict, decision.SkipCode, decision.CanForce));
    }

    [Fact]
    public void A_stream_is_safe_where_there_is_a_reader_for_it()
    {
        QueueInfo stream = Classic() with { Type = "stream", Consumers = 0 };

        Assert.Equal(ErrorCode.QueueAtRisk, ReadSafety.Decide(stream, V43, new() { ReadsStreams = false }).SkipCode);
        ReadDecision decision = Decide(stream, V43);
        Assert.Equal(ReadVerdict.Safe, decision.Verdict);
        Assert.Null(decision.SkipCode);
    }

    [Theory]
    [InlineData("3.10.8", "classic", 27.0)]
    [InlineData("4.0.5", "quorum", 27.0)]
    [InlineData("4.3.6", "classic", null)]
    [InlineData("4.3.6", "quorum", 1296.0)]
    public void The_hold_ends_before_the_brokers_time_out(string version, string type, double? minutes) =>
        Assert.Equal(minutes, Decide(Classic() with { Type = type }, Version.Parse(version)).Plan!.MaxHold?.TotalMinutes);

    [Fact]
    public void A_time_out_of_the_queue_and_a_hold_of_ones_own_shorten_the_hold()
    {
        QueueInfo queue = Classic(("x-consumer-timeout", 60_000L));

        ReadDecision decision = Decide(queue, V40);
        Assert.Equal(TimeSpan.FromSeconds(54), decision.Plan!.MaxHold);
        Assert.Contains("time-out is 60 s", Assert.Single(decision.Reasons));
        Assert.Equal(TimeSpan.FromMinutes(27), Decide(queue, V310).Plan!.MaxHold);
        Assert.Equal(TimeSpan.FromSeconds(5), ReadSafety.Decide(queue, V40, new() { MaxHold = TimeSpan.FromSeconds(5) }).Plan!.MaxHold);
    }

    [Fact]
    public void A_priority_queue_is_safe() => Assert.Equal(ReadVerdict.Safe, Decide(Classic(("x-max-priority", 9L)), V40).Verdict);

    private static ReadDecision Decide(QueueInfo queue, Version broker) => ReadSafety.Decide(queue, broker, new());

    private static QueueInfo Classic(params (string, object?)[] arguments) => new()
    {
        Name = "q",
        VirtualHost = "/",
        Type = "classic",
        Durable = true,
        State = "running",
        Arguments = arguments.ToDictionary(pair => pair.Item1, pair => pair.Item2),
    };

    private static QueueInfo Quorum(params (string, object?)[] arguments) => Classic(arguments) with { Type = "quorum" };
}

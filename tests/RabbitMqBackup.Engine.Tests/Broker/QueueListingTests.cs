using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMqBackup.Engine.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

public class QueueListingTests
{
    public static TheoryData<string> Generations => ["3.10", "4.0", "4.3"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Queues_come_with_the_verdict_of_their_broker(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await host.DeclareAsync("classic");
        await host.DeclareAsync("auto", """{"durable":true,"auto_delete":true}""");
        await host.DeclareAsync("quorum", """{"durable":true,"arguments":{"x-queue-type":"quorum"}}""");
        await host.DeclareAsync("limited", """{"durable":true,"arguments":{"x-queue-type":"quorum","x-delivery-limit":3}}""");
        await host.DeclareAsync("stream", """{"durable":true,"arguments":{"x-queue-type":"stream"}}""");

        Dictionary<string, QueueInfo> queues = await ListAsync(host, new() { VirtualHosts = [host.Name] });

        Assert.Equal(5, queues.Count);
        bool counted = generation != "4.3";
        Assert.Equal(ReadVerdict.Safe, queues["classic"].Verdict);
        Assert.Equal((ReadVerdict.Safe, QueueReadMethod.Get), (queues["auto"].Verdict, queues["auto"].Decision!.Plan!.Method));
        Assert.Equal(generation == "4.0" ? ReadVerdict.Caution : ReadVerdict.Safe, queues["quorum"].Verdict);
        Assert.Equal(counted ? ReadVerdict.Caution : ReadVerdict.Safe, queues["limited"].Verdict);
        Assert.Equal(counted ? 2 : 3, queues["limited"].Decision!.Plan!.StopAtDeliveryCount);
        Assert.Equal(ReadVerdict.Safe, queues["stream"].Verdict);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task What_consumers_do_is_seen(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await host.DeclareAsync("sac", """{"durable":true,"arguments":{"x-queue-type":"quorum","x-single-active-consumer":true}}""");
        await host.DeclareAsync("held");
        await using IConnection application = await host.ConnectAsync();
        await using IChannel channel = await application.CreateChannelAsync(cancellationToken: Cancel);
        await channel.QueueDeclareAsync("own", durable: false, exclusive: true, autoDelete: false, cancellationToken: Cancel);
        await channel.BasicConsumeAsync("sac", autoAck: false, new AsyncEventingBasicConsumer(channel), Cancel);
        await channel.BasicConsumeAsync("held", autoAck: false, "", noLocal: false, exclusive: true, null, new AsyncEventingBasicConsumer(channel), Cancel);
        await channel.BasicPublishAsync("", "held", new byte[1], Cancel);
        await host.UntilAsync("sac", queue => queue.HasActiveConsumer);
        await host.UntilAsync("held", queue => queue is { HasExclusiveConsumer: true, Unacknowledged: 1 });

        Dictionary<string, QueueInfo> queues = await ListAsync(host, new() { VirtualHosts = [host.Name] });

        Assert.Equal(ErrorCode.QueueInUse, queues["own"].Decision!.SkipCode);
        Assert.Equal(ErrorCode.QueueInUse, queues["sac"].Decision!.SkipCode);
        Assert.Equal((ReadVerdict.Caution, QueueReadMethod.Get), (queues["held"].Verdict, queues["held"].Decision!.Plan!.Method));
        Assert.Contains(queues["held"].Reasons, reason => reason.Contains("1 message(s) are held", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Delayed_retry_of_4_3_is_seen_by_argument_and_by_policy()
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync("4.3");
        await host.DeclareAsync("argument", """{"durable":true,"arguments":{"x-queue-type":"quorum","x-delayed-retry-type":"all","x-delayed-retry-min":1000}}""");
        await host.DeclareAsync("policy", """{"durable":true,"arguments":{"x-queue-type":"quorum"}}""");
        await host.PutPolicyAsync("p", """{"pattern":"^policy$","definition":{"delayed-retry-type":"failed","delayed-retry-min":1000},"apply-to":"quorum_queues"}""");

        Dictionary<string, QueueInfo> queues = await ListAsync(host, new() { VirtualHosts = [host.Name] });

        Assert.Equal((ReadVerdict.Unsafe, ErrorCode.QueueAtRisk), (queues["argument"].Verdict, queues["argument"].Decision!.SkipCode));
        Assert.Equal(ReadVerdict.Caution, queues["policy"].Verdict);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_named_queue_that_is_not_there_is_an_error_and_a_pattern_is_not(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await host.DeclareAsync("orders.eu");
        List<RabbitBackupException> problems = [];

        Dictionary<string, QueueInfo> queues = await ListAsync(host, new() { VirtualHosts = [host.Name], Names = ["orders.*", "gone", "none*"] }, problems.Add);

        Assert.Equal(["orders.eu"], queues.Keys);
        RabbitBackupException problem = Assert.Single(problems);
        Assert.Equal((ErrorCode.QueueNotFound, "gone"), (problem.Code, problem.Target));
        await Assert.ThrowsAsync<RabbitBackupException>(() => ListAsync(host, new() { VirtualHosts = [host.Name], Names = ["gone"] }));
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Exactly_named_queues_are_found_and_missed(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await host.DeclareAsync("orders");
        List<RabbitBackupException> problems = [];

        Dictionary<string, QueueInfo> queues = await ListAsync(host, new() { Exactly = [new(host.Name, "orders"), new(host.Name, "gone")] }, problems.Add);

        Assert.Equal(["orders"], queues.Keys);
        Assert.Equal($"{host.Name}/gone", Assert.Single(problems).Target);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_virtual_host_that_the_user_can_not_see_into_is_reported_and_not_passed_over(string generation)
    {
        await using ManagedVirtualHost visible = await ManagedVirtualHost.CreateAsync(generation);
        await using ManagedVirtualHost closed = await ManagedVirtualHost.CreateAsync(generation, "closed-" + visible.Name);
        await visible.DeclareAsync("orders");
        await closed.DeclareAsync("secret");
        BrokerOptions observer = await visible.AddUserAsync("monitoring");
        List<RabbitBackupException> problems = [];

        List<QueueInfo> queues = await QueueListing.ListAsync(observer, new() { VirtualHosts = ["*" + visible.Name, "absent"] }, problems.Add, Cancel).ToListAsync(Cancel);
        List<RabbitBackupException> whole = [];
        List<QueueInfo> all = await QueueListing.ListAsync(observer, new(), whole.Add, Cancel).ToListAsync(Cancel);

        Assert.Equal(["orders"], queues.Select(queue => queue.Name));
        Assert.Equal([(ErrorCode.BrokerAccessRefused, "absent"), (ErrorCode.BrokerAccessRefused, closed.Name)], problems.Select(problem => (problem.Code, problem.Target)));
        Assert.Equal(["orders"], all.Select(queue => queue.Name));
        Assert.Contains(whole, problem => problem.Target == closed.Name);
    }

    private static async Task<Dictionary<string, QueueInfo>> ListAsync(ManagedVirtualHost host, QueueSelection selection, Action<RabbitBackupException>? onProblem = null) =>
        await QueueListing.ListAsync(host.Options, selection, onProblem, Cancel).ToDictionaryAsync(queue => queue.Name, cancellationToken: Cancel);
}

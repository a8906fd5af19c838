using System.Text;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Definitions;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Definitions;

/// <summary>Whole clusters: there and back, from 3.10 to 4.3, and with RabbitMQ's own tools as the other party.</summary>
public sealed class WholeClusterTests(OwnClusters clusters) : IClassFixture<OwnClusters>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static DefinitionsImporter Importer => new(LogMessages.Silent.Instance);

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task Export_wipe_and_import_give_the_same_cluster_again_by_us_and_by_RabbitMQs_own_tools(string generation)
    {
        SampleCluster cluster = new(await clusters.GetAsync(generation));
        await cluster.WipeAsync();
        await cluster.FillAsync();
        DefinitionsDocument before = await ExportAsync(cluster);
        Assert.Empty(before.Warnings);
        byte[] file = before.ToJson();

        await cluster.WipeAsync();
        ImportPlan plan = await Importer.PlanAsync(new() { Broker = cluster.Options, Document = DefinitionsDocument.Parse(file, "file") }, Cancel);
        ImportReport report = await Importer.ExecuteAsync(plan, null, Cancel);
        Assert.True(report.IsComplete, Bad(report));
        DefinitionsDocument after = await ExportAsync(cluster);
        Assert.Empty(DefinitionsComparison.Compare(before, after));
        Assert.Equal(
            before.Objects.Where(item => !item.IsBrokersOwn).Select(item => item.ToString()).Order(),
            after.Objects.Where(item => !item.IsBrokersOwn).Select(item => item.ToString()).Order());

        await cluster.WipeAsync();
        await cluster.ImportWithRabbitMqCtlAsync(file);
        Assert.Empty(DefinitionsComparison.Compare(before, await ExportAsync(cluster)));

        await cluster.WipeAsync();
        await cluster.ImportOverHttpAsync(file);
        Assert.Empty(DefinitionsComparison.Compare(before, await ExportAsync(cluster)));
    }

    [Fact]
    public async Task A_3_10_cluster_becomes_a_4_3_cluster_and_every_object_is_accounted_for()
    {
        SampleCluster source = new(await clusters.GetAsync("3.10"));
        SampleCluster target = new(await clusters.GetAsync("4.3"));
        await source.WipeAsync();
        await source.FillAsync();
        await source.FillOldAsync();
        await target.WipeAsync();
        DefinitionsDocument old = await ExportAsync(source);
        ImportOptions options = new() { Broker = target.Options, Document = old, Edit = new() { Transformations = ["PrepareForQuorum", "MigrateTo4"] } };

        ImportPlan plan = await Importer.PlanAsync(options, Cancel);
        ImportReport report = await Importer.ExecuteAsync(plan, null, Cancel);

        Assert.True(report.IsComplete, Bad(report));
        // Each object of the old cluster is there, or was left out for a reason that is told; besides them there is nothing but what the broker made.
        Assert.Equal(old.Objects.Select(item => item.Key).ToHashSet(), report.Items.Where(item => !item.Reason.StartsWith("the broker made it", StringComparison.Ordinal)).Select(item => item.Definition.Key).ToHashSet());
        Assert.Equal(
            ["global parameter 'internal_cluster_id'", "policy 'ha' in 'orders'", "policy 'locator' in 'orders'"],
            report.Items.Where(item => item.Outcome is ImportOutcome.Skipped).Select(item => item.Object).Order());
        Assert.All(report.Items.Where(item => item.Outcome is ImportOutcome.Skipped), item => Assert.NotEmpty(item.Reason));
        Assert.Equal(
            [
"policy 'ha-and-limit' in 'orders'", "queue 'gone-with-consumer' in 'orders'", "queue 'lazy' in 'orders'", "queue 'mirrored' in 'orders'", "queue 'old' in 'orders'", "queue 'transient' in 'orders'",
            ],
            report.Items.Where(item => item.Transformed.Length > 0).Select(item => item.Object).Order());
        // With the policy 'ha' gone, one that it kept from having effect would let messages expire.
        Assert.Contains("policy 'ha' in 'orders' is left out, the policy 'expiry' takes effect on the queue 'mirrored'", Assert.Single(plan.Warnings));

        // The broker agrees, by its own export.
        DefinitionsDocument now = await ExportAsync(target);
        Assert.Empty(DefinitionsComparison.Compare(options.Edit.Apply(old).Document, now));
        Assert.Equal("quorum", now.Queues.Single(queue => queue.Name == "mirrored").Type);
        Assert.Equal("x-consistent-hash", now.Exchanges.Single(exchange => exchange.Name == "hash").Type);

        ImportReport undone = await Importer.UndoAsync(await Importer.PlanUndoAsync(target.Options, report, false, null, Cancel), null, Cancel);
        Assert.True(undone.IsComplete, Bad(undone));
        Assert.Empty(DefinitionsComparison.Compare(report.Snapshot, await ExportAsync(target)));
    }

    [Fact]
    public async Task An_import_of_another_cluster_is_not_taken_back_here()
    {
        SampleCluster made = new(await clusters.GetAsync("3.10"));
        SampleCluster other = new(await clusters.GetAsync("4.3"));
        ImportPlan plan = await Importer.PlanAsync(new() { Broker = made.Options, Document = DefinitionsDocument.FromObjects([VirtualHostDefinition.Named("new")]) }, Cancel);

        RabbitBackupException exception = await Assert.ThrowsAsync<RabbitBackupException>(() => Importer.PlanUndoAsync(other.Options, plan.ToReport(), false, null, Cancel));

        Assert.Equal(ErrorCode.DefinitionConflict, exception.Code);
        Assert.Contains("another cluster", exception.Message);
    }

    [Fact]
    public async Task A_broker_that_is_killed_and_started_again_in_the_middle_gets_everything_and_gives_it_back()
    {
        OwnTestBroker broker = await clusters.GetAsync("4.3");
        SampleCluster cluster = new(broker);
        await cluster.WipeAsync();
        string queues = string.Join(',', Enumerable.Range(0, 600).Select(i => $$$"""{"vhost": "many", "name": "q{{{i}}}", "durable": true, "auto_delete": false, "arguments": {}}"""));
        ImportPlan plan = await Importer.PlanAsync(new() { Broker = cluster.Options, Document = DefinitionsDocument.Parse(Encoding.UTF8.GetBytes($$$"""{"queues": [{{{queues}}}]}"""), "file") }, Cancel);
        Task restart = Task.CompletedTask;

        ImportReport report = await Importer.ExecuteAsync(plan, Killing(), Cancel);
        await restart;

        Assert.True(report.IsComplete, Bad(report));
        Assert.Equal(600, (await ExportAsync(cluster)).Queues.Count);

        ImportReport undone = await Importer.UndoAsync(await Importer.PlanUndoAsync(cluster.Options, report, false, null, Cancel), Killing(), Cancel);
        await restart;

        Assert.True(undone.IsComplete, Bad(undone));
        Assert.Empty(DefinitionsComparison.Compare(report.Snapshot, await ExportAsync(cluster)));

        Once Killing() => new(100, () => restart = Task.Run(async () =>
        {
            await broker.KillAsync();
            await broker.StartAsync();
        }));
    }

    [Fact]
    public async Task A_quorum_queue_whose_leader_is_silent_is_not_taken_for_empty_by_who_would_delete_it()
    {
        OwnTestBroker broker = await clusters.GetAsync("4.3");
        SampleCluster cluster = new(broker);
        await cluster.WipeAsync();
        DefinitionsDocument document = DefinitionsDocument.Parse("""{"queues": [{"vhost": "silent", "name": "orders", "durable": true, "arguments": {"x-queue-type": "quorum"}}]}"""u8.ToArray(), "file");
        Assert.True((await Importer.ExecuteAsync(await Importer.PlanAsync(new() { Broker = cluster.Options, Document = document }, Cancel), null, Cancel)).IsComplete);
        await using IConnection client = await new ConnectionFactory { Uri = broker.AmqpUri("silent") }.CreateConnectionAsync(Cancel);
        await using IChannel channel = await client.CreateChannelAsync(new CreateChannelOptions(true, true), Cancel);
        QueueInfo queue = new() { VirtualHost = "silent", Name = "orders", Type = QueueTypes.Quorum };
        await using BrokerConnections connections = new(cluster.Options);
        QueueDepth empty = await connections.GetDepthAsync(queue, Cancel);
        await channel.BasicPublishAsync("", "orders", new byte[1], Cancel);
        await broker.CtlAsync("rabbitmqctl", "eval", """
            {ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"silent">>, queue, <<"orders">>)), {Leader, _} = amqqueue:get_pid(Q), sys:suspend(Leader), spawn(fun() -> timer:sleep(8000), sys:resume(Leader) end).
            """);

        QueueDepth silent = await connections.GetDepthAsync(queue, Cancel);

        // The question for a message may still count as a consumer.
        Assert.Equal((default, 1L), (empty, silent.Messages));
        Assert.Equal(1u, (await channel.QueueDeclarePassiveAsync("orders", Cancel)).MessageCount);
    }

    [Fact]
    public async Task A_queue_whose_process_is_dead_is_waited_for_told_and_taken_back_when_it_runs_again()
    {
        OwnTestBroker broker = await clusters.GetAsync("4.3");
        SampleCluster cluster = new(broker);
        await cluster.WipeAsync();
        DefinitionsDocument document = DefinitionsDocument.Parse("""{"queues": [{"vhost": "dead", "name": "a", "durable": true}, {"vhost": "dead", "name": "b", "durable": true}]}"""u8.ToArray(), "file");
        ImportReport report = await Importer.ExecuteAsync(await Importer.PlanAsync(new() { Broker = cluster.Options, Document = document }, Cancel), null, Cancel);
        Assert.True(report.IsComplete, Bad(report));
        // As between the start of a node and the recovery of its queues: no process, and a record that says there is one.
        await broker.CtlAsync("rabbitmqctl", "eval", """
            supervisor:terminate_child(element(2, rabbit_vhost_sup_sup:get_vhost_sup(<<"dead">>)), rabbit_amqqueue_sup_sup),
            [rabbit_db_queue:update(rabbit_misc:r(<<"dead">>, queue, Name), fun(Q) -> amqqueue:set_state(Q, live) end) || Name <- [<<"a">>, <<"b">>]].
            """);

        ImportReport undone = await Importer.UndoAsync(await Importer.PlanUndoAsync(cluster.Options, report, false, null, Cancel), null, Cancel);

        Assert.Equal(["not empty", "not empty"], undone.Items.Where(item => item.Kind == DefinitionKind.Queue && item.Outcome == ImportOutcome.Failed).Select(item => item.Reason[^10..^1]));

        await broker.RestartAsync();
        undone = await Importer.UndoAsync(await Importer.PlanUndoAsync(cluster.Options, report, false, null, Cancel), null, Cancel);

        Assert.True(undone.IsComplete, Bad(undone));
        Assert.Empty(DefinitionsComparison.Compare(report.Snapshot, await ExportAsync(cluster)));
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    public async Task The_rabbitmqadmin_that_a_broker_offers_takes_an_exported_file(string generation)
    {
        SampleCluster cluster = new(await clusters.GetAsync(generation));
        await cluster.WipeAsync();
        await cluster.FillAsync();
        DefinitionsDocument before = await ExportAsync(cluster);

        await cluster.WipeAsync();
        await cluster.ImportWithRabbitMqAdminAsync(before.ToJson());

        Assert.Empty(DefinitionsComparison.Compare(before, await ExportAsync(cluster)));
    }

    private static Task<DefinitionsDocument> ExportAsync(SampleCluster cluster) => DefinitionsExporter.ExportAsync(cluster.Options, new(), Cancel);

    private static string Bad(ImportReport report) => string.Join('\n', report.Items.Where(item => item.Outcome is ImportOutcome.Failed or ImportOutcome.Conflict));

    /// <summary>Does something once, when so many objects are done.</summary>
    private sealed class Once(int objects, Action act) : IProgress<OperationProgress>
    {
        private bool _done;

        public void Report(OperationProgress value)
        {
            if (!_done && value.Messages > objects)
            {
                _done = true;
                act();
            }
        }
    }
}

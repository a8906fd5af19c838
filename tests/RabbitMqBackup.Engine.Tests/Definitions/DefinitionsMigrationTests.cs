using RabbitMqBackup.Engine.Definitions;
using RabbitMqBackup.Engine.Tests.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Definitions;

/// <summary>From 3.10 to 4: what the old broker has, what the new one refuses, and the broker's own export as the judge.</summary>
public class DefinitionsMigrationTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task Everything_from_3_10_is_accounted_for_and_the_new_broker_agrees(string generation)
    {
        await using ManagedVirtualHost source = await ManagedVirtualHost.CreateAsync("3.10");
        await using ManagedVirtualHost target = await ManagedVirtualHost.CreateAsync(generation);
        await FillAsync(source);
        await target.SendAsync(HttpMethod.Delete, $"vhosts/{target.Path}");
        DefinitionsDocument old = await DefinitionsExporter.ExportAsync(source.Options, new() { VirtualHosts = [source.Name] }, Cancel);
        ImportOptions options = new()
        {
            Broker = target.Options,
            Document = old,
            Edit = new()
            {
                Transformations = ["PrepareForQuorum", "MigrateTo4"],
                Remapping = new() { VirtualHosts = new Dictionary<string, string> { [source.Name] = target.Name } },
            },
        };

        DefinitionsImporter importer = new(LogMessages.Silent.Instance);
        ImportReport report = await importer.ExecuteAsync(await importer.PlanAsync(options, Cancel), null, Cancel);
        DefinitionsDocument now = await DefinitionsExporter.ExportAsync(target.Options, new() { VirtualHosts = [target.Name] }, Cancel);

        Assert.True(report.IsComplete, string.Join('\n', report.Items.Where(item => item.Outcome is ImportOutcome.Failed or ImportOutcome.Conflict)));
        // Each object of the old cluster is either there, or was left out by a transformation that says so.
        Assert.Equal(old.Objects.Count, report.Created + report.Skipped);
        Assert.Equal([$"policy 'ha' in '{source.Name}'"], report.Items.Where(item => item.Outcome is ImportOutcome.Skipped).Select(item => item.Object));
        DefinitionsDocument wanted = options.Edit.Apply(old).Document;
        Assert.Empty(DefinitionsComparison.Compare(wanted, now));
        Assert.Equal("quorum", now.Queues.Single(queue => queue.Name == "mirrored").Type);
        Assert.Equal("classic", now.Queues.Single(queue => queue.Name == "lazy").Type);
        Assert.Equal(8, report.Changes.Select(change => change.Object).Distinct().Count());
    }

    [Theory]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task Without_the_transformations_every_refusal_is_told(string generation)
    {
        await using ManagedVirtualHost source = await ManagedVirtualHost.CreateAsync("3.10");
        await using ManagedVirtualHost target = await ManagedVirtualHost.CreateAsync(generation);
        await FillAsync(source);
        DefinitionsDocument old = await DefinitionsExporter.ExportAsync(source.Options, new() { VirtualHosts = [source.Name] }, Cancel);
        ImportOptions options = new() { Broker = target.Options, Document = old, Edit = new() { Remapping = new() { VirtualHosts = new Dictionary<string, string> { [source.Name] = target.Name } } } };

        DefinitionsImporter importer = new(LogMessages.Silent.Instance);
        ImportReport report = await importer.ExecuteAsync(await importer.PlanAsync(options, Cancel), null, Cancel);

        string[] refused = generation == "4.0" ? ["ha", "mixed"] : ["ha", "locator", "mixed", "old"];
        Assert.Equal(refused, report.Items.Where(item => item.Outcome is ImportOutcome.Failed).Select(item => item.Definition.Name).Order());
        Assert.All(report.Items.Where(item => item.Outcome is ImportOutcome.Failed), item => Assert.Contains("The broker refuses", item.Reason));
        // The virtual host and its permission were there before.
        Assert.Equal(old.Objects.Count - refused.Length, report.Created + report.Equal + report.Changed);
    }

    private static async Task FillAsync(ManagedVirtualHost host)
    {
        string user = host.Options.Credential.UserName;
        await host.SendAsync(HttpMethod.Put, $"vhosts/{host.Path}", """{"description":"old"}""");
        await host.PutPolicyAsync("ha", """{"pattern":"^mirrored","definition":{"ha-mode":"all","ha-sync-mode":"automatic"},"apply-to":"queues","priority":9}""");
        await host.PutPolicyAsync("mixed", """{"pattern":"^mixed","definition":{"ha-mode":"all","max-length":5},"apply-to":"queues"}""");
        await host.PutPolicyAsync("locator", """{"pattern":"^x","definition":{"queue-master-locator":"min-masters","message-ttl":5000},"apply-to":"queues"}""");
        await host.PutPolicyAsync("op", """{"pattern":"^mirrored","definition":{"max-length":500000},"apply-to":"queues"}""", "operator-policies");
        await host.DeclareAsync("mirrored", """{"durable":true,"arguments":{"x-max-priority":5,"x-max-length":1000}}""");
        await host.DeclareAsync("mixed");
        await host.DeclareAsync("lazy", """{"durable":true,"arguments":{"x-queue-mode":"lazy"}}""");
        await host.DeclareAsync("old", """{"durable":true,"arguments":{"x-queue-version":1}}""");
        await host.DeclareAsync("transient", """{"durable":false}""");
        await host.DeclareAsync("quorum", """{"durable":true,"arguments":{"x-queue-type":"quorum"}}""");
        await host.DeclareAsync("stream", """{"durable":true,"arguments":{"x-queue-type":"stream"}}""");
        await host.SendAsync(HttpMethod.Put, $"exchanges/{host.Path}/in", """{"type":"topic","durable":true,"arguments":{"alternate-exchange":"lost"}}""");
        await host.SendAsync(HttpMethod.Put, $"exchanges/{host.Path}/lost", """{"type":"fanout","durable":true,"internal":true}""");
        await host.SendAsync(HttpMethod.Post, $"bindings/{host.Path}/e/in/q/mirrored", """{"routing_key":"a.*","arguments":{}}""");
        await host.SendAsync(HttpMethod.Post, $"bindings/{host.Path}/e/lost/q/quorum", """{"routing_key":"","arguments":{}}""");
        await host.SendAsync(HttpMethod.Put, $"topic-permissions/{host.Path}/{user}", """{"exchange":"in","write":"^a","read":".*"}""");
        await host.SendAsync(HttpMethod.Put, $"parameters/federation-upstream/{host.Path}/up", """{"value":{"uri":"amqp://u:p@localhost:1","expires":3600000}}""");
        await host.SendAsync(HttpMethod.Put, $"parameters/shovel/{host.Path}/move", """{"value":{"src-protocol":"amqp091","src-uri":"amqp://localhost:1","src-queue":"a","dest-protocol":"amqp091","dest-uri":"amqp://localhost:1","dest-queue":"b"}}""");
    }
}

using System.Text;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Definitions;
using RabbitMqBackup.Engine.Tests.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Definitions;

public class DefinitionsImporterTests
{
    public static TheoryData<string> Generations => ["3.10", "4.0", "4.3"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Export_wipe_and_import_give_the_same_again(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await FillAsync(host);
        DefinitionsSelection selection = new() { VirtualHosts = [host.Name] };
        DefinitionsDocument before = await DefinitionsExporter.ExportAsync(host.Options, selection, Cancel);
        await host.SendAsync(HttpMethod.Delete, $"vhosts/{host.Path}");

        ImportReport report = await ImportAsync(host, before.ToJson());
        DefinitionsDocument after = await DefinitionsExporter.ExportAsync(host.Options, selection, Cancel);

        Assert.Empty(DefinitionsComparison.Compare(before, after));
        Assert.True(report.IsComplete, string.Join('\n', report.Items));
        Assert.Equal(before.Objects.Count, report.Created);
        Assert.Equal(["alternate", "hidden", "orders"], after.Exchanges.Select(exchange => exchange.Name).Order());
        Assert.True(after.Exchanges.Single(exchange => exchange.Name == "hidden").Internal);
        Assert.Equal("d", after.VirtualHosts[0].Description);
        Assert.Equal(3, after.Bindings.Count);
        Assert.Equal(["federation-upstream", "operator_policy", "vhost-limits"], after.Parameters.Select(parameter => parameter.Component).Order());
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_second_import_changes_nothing(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await FillAsync(host);
        DefinitionsDocument document = await DefinitionsExporter.ExportAsync(host.Options, new() { VirtualHosts = [host.Name] }, Cancel);

        ImportReport report = await ImportAsync(host, document.ToJson());

        Assert.Equal(document.Objects.Count, report.Equal);
        Assert.Equal(document.Objects.Count, report.Items.Count);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Conflicts_changes_and_refusals_are_told_object_by_object(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await host.DeclareAsync("there", """{"durable":true,"arguments":{"x-max-length":5}}""");
        await host.SendAsync(HttpMethod.Put, $"exchanges/{host.Path}/ex", """{"type":"direct","durable":true}""");
        await host.PutPolicyAsync("p", """{"pattern":"^a","definition":{"max-length":1}}""");
        string json = $$$"""
            {
              "policies": [
                {"vhost": "{{{host.Name}}}", "name": "p", "pattern": "^b", "definition": {"max-length": 1}},
                {"vhost": "{{{host.Name}}}", "name": "bad", "pattern": "x", "definition": {"no-such-key": 1}},
                {"vhost": "{{{host.Name}}}", "name": "good", "pattern": "x", "definition": {"max-length": 1}}
              ],
              "exchanges": [{"vhost": "{{{host.Name}}}", "name": "ex", "type": "topic", "durable": true}],
              "queues": [
                {"vhost": "{{{host.Name}}}", "name": "there", "durable": true, "auto_delete": false, "arguments": {"x-max-length": 6}},
                {"vhost": "{{{host.Name}}}", "name": "new", "durable": true, "auto_delete": false, "arguments": {}}
              ],
              "bindings": [{"vhost": "{{{host.Name}}}", "source": "none", "destination": "nowhere", "destination_type": "queue", "routing_key": "", "arguments": {}}]
            }
            """;

        ImportReport report = await ImportAsync(host, Encoding.UTF8.GetBytes(json));
        Dictionary<string, ImportItem> items = report.Items.ToDictionary(item => item.Definition.Name);

        Assert.Equal(ImportOutcome.Changed, items["p"].Outcome);
        Assert.Equal(ImportOutcome.Created, items["good"].Outcome);
        Assert.Equal(ImportOutcome.Created, items["new"].Outcome);
        Assert.Equal((ImportOutcome.Failed, true), (items["bad"].Outcome, items["bad"].Reason.Contains("no-such-key", StringComparison.Ordinal)));
        Assert.Equal((ImportOutcome.Conflict, "arguments.x-max-length is 5, wanted 6"), (items["there"].Outcome, items["there"].Reason));
        Assert.Equal((ImportOutcome.Conflict, "type is \"direct\", wanted \"topic\""), (items["ex"].Outcome, items["ex"].Reason));
        Assert.Equal(ImportOutcome.Failed, items["none -> nowhere"].Outcome);
        Assert.Equal((ErrorCode.DefinitionConflict, $"queue 'there' in '{host.Name}'"), (items["there"].ToException()!.Code, items["there"].ToException()!.Target));
        Assert.False(report.IsComplete);
        Assert.Equal(5, (await host.GetAsync($"queues/{host.Path}/there")).GetProperty("arguments").GetProperty("x-max-length").GetInt32());
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_plan_foresees_and_changes_nothing(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await host.DeclareAsync("there");
        string other = host.Name + "-new";
        string json = $$$"""{"queues": [{"vhost": "{{{host.Name}}}", "name": "there", "durable": true, "auto_delete": false, "arguments": {}}, {"vhost": "{{{other}}}", "name": "new", "durable": true, "auto_delete": false, "arguments": {}}]}""";

        ImportPlan plan = await PlanAsync(host, Encoding.UTF8.GetBytes(json));

        Assert.Equal(
            [(ImportOutcome.Created, $"virtual host '{other}'"), (ImportOutcome.Equal, $"queue 'there' in '{host.Name}'"), (ImportOutcome.Created, $"queue 'new' in '{other}'")],
            plan.Items.Select(item => (item.Outcome, item.Object)));
        Assert.DoesNotContain(other, await host.Management.ListVirtualHostsAsync(Cancel));
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_missing_virtual_host_and_its_permission_are_made_and_told(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using ManagedVirtualHost target = await ManagedVirtualHost.CreateAsync(generation);
        await host.DeclareAsync("orders");
        byte[] one = (await host.Management.GetDefinitionsAsync(host.Name, Cancel))!;
        await target.SendAsync(HttpMethod.Delete, $"vhosts/{target.Path}");

        ImportReport report = await ImportAsync(target, one, target.Name);

        Assert.True(report.IsComplete, string.Join('\n', report.Items));
        Assert.Equal(
            [$"virtual host '{target.Name}'", $"queue 'orders' in '{target.Name}'", $"permission of '{target.Options.Credential.UserName}' in '{target.Name}'"],
            report.Items.Select(item => item.Object));
        Assert.Equal(3, report.Created);
    }

    [Fact]
    public async Task A_user_without_the_tag_is_refused_and_told_which_is_needed()
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync("4.3");
        BrokerOptions observer = await host.AddUserAsync("monitoring");

        RabbitBackupException exception = await Assert.ThrowsAsync<RabbitBackupException>(() => DefinitionsExporter.ExportAsync(observer, new(), Cancel));

        Assert.Equal(ErrorCode.BrokerAccessRefused, exception.Code);
        Assert.Contains("'administrator'", exception.Hint);
    }

    private static async Task FillAsync(ManagedVirtualHost host)
    {
        string user = host.Options.Credential.UserName;
        await host.SendAsync(HttpMethod.Put, $"vhosts/{host.Path}", """{"description":"d","tags":"a,b","default_queue_type":"classic"}""");
        await host.SendAsync(HttpMethod.Put, $"exchanges/{host.Path}/orders", """{"type":"topic","durable":true,"arguments":{"alternate-exchange":"alternate"}}""");
        await host.SendAsync(HttpMethod.Put, $"exchanges/{host.Path}/alternate", """{"type":"fanout","durable":false,"auto_delete":true}""");
        await host.SendAsync(HttpMethod.Put, $"exchanges/{host.Path}/hidden", """{"type":"headers","durable":true,"internal":true}""");
        await host.DeclareAsync("classic", """{"durable":true,"arguments":{"x-max-priority":5,"x-queue-mode":"lazy"}}""");
        await host.DeclareAsync("quorum", """{"durable":true,"arguments":{"x-queue-type":"quorum","x-delivery-limit":5}}""");
        await host.DeclareAsync("stream", """{"durable":true,"arguments":{"x-queue-type":"stream","x-max-age":"1h"}}""");
        await host.SendAsync(HttpMethod.Post, $"bindings/{host.Path}/e/orders/q/classic", """{"routing_key":"a.#","arguments":{}}""");
        await host.SendAsync(HttpMethod.Post, $"bindings/{host.Path}/e/orders/e/hidden", """{"routing_key":"","arguments":{}}""");
        await host.SendAsync(HttpMethod.Post, $"bindings/{host.Path}/e/hidden/q/quorum", """{"routing_key":"","arguments":{"x-match":"all","n":7}}""");
        await host.PutPolicyAsync("p", """{"pattern":"^q","definition":{"max-length":1000,"overflow":"reject-publish"},"priority":3,"apply-to":"queues"}""");
        await host.PutPolicyAsync("op", """{"pattern":"^q","definition":{"max-length":500},"apply-to":"queues"}""", "operator-policies");
        await host.SendAsync(HttpMethod.Put, $"vhost-limits/{host.Path}/max-queues", """{"value":3}""");
        await host.SendAsync(HttpMethod.Put, $"topic-permissions/{host.Path}/{user}", """{"exchange":"orders","write":"^a","read":".*"}""");
        await host.SendAsync(HttpMethod.Put, $"parameters/federation-upstream/{host.Path}/up", """{"value":{"uri":"amqp://u:p@localhost:1","expires":3600000}}""");
    }

    private static Task<ImportPlan> PlanAsync(ManagedVirtualHost host, byte[] json, string? virtualHost = null) => new DefinitionsImporter(LogMessages.Silent.Instance).PlanAsync(
        new() { Broker = host.Options, Document = DefinitionsDocument.Parse(json, "test"), Edit = new() { VirtualHost = virtualHost } }, Cancel);

    private static async Task<ImportReport> ImportAsync(ManagedVirtualHost host, byte[] json, string? virtualHost = null)
    {
        ImportPlan plan = await PlanAsync(host, json, virtualHost);
        return await new DefinitionsImporter(LogMessages.Silent.Instance).ExecuteAsync(plan, null, Cancel);
    }
}

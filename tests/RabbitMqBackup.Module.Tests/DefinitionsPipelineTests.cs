using System.Management.Automation;
using System.Text;
using RabbitMQ.Client;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

/// <summary>Definitions from and to every place, as a person types it.</summary>
public sealed class DefinitionsPipelineTests : BrokerTest
{
    [Fact]
    public async Task Queues_that_a_pipeline_chooses_are_imported_and_the_others_not()
    {
        await FillAsync("orders", 0);
        await FillAsync("audit", 0);
        Session.RunCleanly("$global:Saved = Export-RabbitDefinitions -Connection $Rabbit");
        await Channel.QueueDeleteAsync("orders", cancellationToken: Cancellation);
        await Channel.QueueDeleteAsync("audit", cancellationToken: Cancellation);

        PSObject report = Assert.Single(Session.RunCleanly("$Saved.Queues | Where-Object Name -like ord* | Import-RabbitDefinitions -Connection $Rabbit -Confirm:$false"));

        Assert.Equal(1, Value(report, "Created"));
        Assert.Equal(["orders"], Session.RunCleanly("(Export-RabbitDefinitions -Connection $Rabbit).Queues.Name").Select(name => name.ToString()));
    }

    [Fact]
    public async Task Objects_go_into_a_file_and_a_backup_and_back()
    {
        await FillAsync("orders", 0, "quorum");
        await FillAsync("audit", 0);
        Session.RunCleanly("$null = (Export-RabbitDefinitions -Connection $Rabbit).Queues | Where-Object Type -eq quorum | Export-RabbitDefinitions $Folder/q.json");
        Assert.Contains("\"orders\"", await File.ReadAllTextAsync(Path.Combine(Folder, "q.json"), Cancellation), StringComparison.Ordinal);
        Assert.DoesNotContain("\"audit\"", await File.ReadAllTextAsync(Path.Combine(Folder, "q.json"), Cancellation), StringComparison.Ordinal);

        PSObject manifest = Assert.Single(Session.RunCleanly("[System.IO.FileInfo]::new(\"$Folder/q.json\") | Export-RabbitDefinitions -Store $Store -BackupId only-queues"));
        Assert.Equal("only-queues", Value(manifest, "BackupId"));
        Assert.Equal("Complete", $"{Value(manifest, "Status")}");
        Assert.Equal(true, Value(Assert.Single(Session.RunCleanly("Get-RabbitBackup $Store | Test-RabbitBackup -Deep")), "IsValid"));
        Assert.Equal(["orders"], Session.RunCleanly("(Get-RabbitBackup $Store | Export-RabbitDefinitions).Queues.Name").Select(name => name.ToString()));
        Assert.StartsWith("BackupExists,", Assert.Single(Session.Run("Export-RabbitDefinitions -Store $Store -BackupId only-queues -Connection $Rabbit").Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_pipeline_exports_nothing()
    {
        SessionResult result = Session.Run("@() | Export-RabbitDefinitions $Folder/none.json -Connection $Rabbit");
        Assert.Empty(result.Errors);
        Assert.Contains("nothing to export", Assert.Single(result.Warnings), StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(Folder, "none.json")));
    }

    [Fact]
    public async Task Selection_and_maps_put_a_part_beside_the_original()
    {
        await FillAsync("prod.orders", 0);
        await FillAsync("other", 0);
        await Channel.ExchangeDeclareAsync("prod.events", ExchangeType.Topic, durable: true, cancellationToken: Cancellation);
        await Channel.QueueBindAsync("prod.orders", "prod.events", "a.*", cancellationToken: Cancellation);

        PSObject report = Assert.Single(Session.RunCleanly(
            "Export-RabbitDefinitions -Connection $Rabbit | Import-RabbitDefinitions -Connection $Rabbit -Queue prod.* -PrefixMap @{ 'prod.' = 'test.' } -Confirm:$false"));

        Assert.Equal(3, Value(report, "Created"));
        Assert.Equal(
            ["binding 'test.events' -> queue 'test.orders' with key 'a.*'", "exchange 'test.events'", "queue 'test.orders'"],
            Values(report, "Items").Where(item => $"{Value(item, "Outcome")}" == "Created").Select(item => $"{Value(item, "Object")}".Replace($" in '{VirtualHost.Name}'", "", StringComparison.Ordinal)).Order());
    }

    [Fact]
    public async Task Differences_are_objects_and_none_means_none()
    {
        await FillAsync("orders", 0);
        await Channel.ExchangeDeclareAsync("events", ExchangeType.Topic, durable: true, cancellationToken: Cancellation);
        Session.RunCleanly("$null = Export-RabbitDefinitions $Folder/d.json -Connection $Rabbit; $global:Saved = Export-RabbitDefinitions -Connection $Rabbit; $null = Backup-RabbitMq $Store -Connection $Rabbit -SkipDefinitions:$false");
        string[] sources = ["$Folder/d.json", "$Saved", "(Get-RabbitBackup $Store)", "$Rabbit", "([System.IO.FileInfo]::new(\"$Folder/d.json\"))"];
        Assert.All(sources, first => Assert.All(sources, second => Assert.Empty(Session.RunCleanly($"Compare-RabbitDefinitions {first} {second} -VirtualHost {VirtualHost.Name}"))));
        Assert.Equal("0", Session.RunCleanly("@(Compare-RabbitDefinitions $Folder/d.json -Connection $Rabbit).Count").Single().ToString());

        await Channel.QueueDeleteAsync("orders", cancellationToken: Cancellation);
        await Channel.QueueDeclareAsync("orders", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-max-length"] = 7 }, cancellationToken: Cancellation);
        await Channel.ExchangeDeleteAsync("events", cancellationToken: Cancellation);
        await Channel.QueueDeclareAsync("new", durable: true, exclusive: false, autoDelete: false, cancellationToken: Cancellation);
        Assert.Equal(
            [$"Removed: exchange 'events' in '{VirtualHost.Name}'", $"Changed: queue 'orders' in '{VirtualHost.Name}': arguments.x-max-length (none) -> 7", $"Added: queue 'new' in '{VirtualHost.Name}'"],
            Session.RunCleanly("Get-RabbitBackup $Store | Compare-RabbitDefinitions -Connection $Rabbit").Select(difference => difference.ToString()).OrderByDescending(text => text[0]).ThenBy(text => text));
        Assert.Equal("Removed: exchange 'events' in '" + VirtualHost.Name + "'", Session.RunCleanly("$Saved.Exchanges | Compare-RabbitDefinitions -Difference (Export-RabbitDefinitions -Connection $Rabbit) -Exchange ev*").Single().ToString());
        Assert.StartsWith("DefinitionInvalid,", Assert.Single(Session.Run("Compare-RabbitDefinitions $Saved -Connection $Rabbit -Queue no-such").Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_import_is_taken_back_by_its_report_or_its_file()
    {
        await FillAsync("orders", 0);
        Session.RunCleanly("$global:Saved = Export-RabbitDefinitions -Connection $Rabbit");
        await Channel.QueueDeleteAsync("orders", cancellationToken: Cancellation);

        Session.RunCleanly("$global:Report = $Saved | Import-RabbitDefinitions -Connection $Rabbit -UndoPath $Folder/undo.json -Confirm:$false");
        Assert.Contains("-Force", Assert.Single(Session.Run("$Saved | Import-RabbitDefinitions -Connection $Rabbit -UndoPath $Folder/undo.json -Confirm:$false").Errors).ToString(), StringComparison.Ordinal);
        foreach (string undo in new[] { "$Report | Undo-RabbitImport", "Undo-RabbitImport $Folder/undo.json" })
        {
            Assert.Equal("Removed", Session.RunCleanly($"{undo} -Connection $Rabbit -WhatIf | ForEach-Object Outcome").Single().ToString());
            Assert.Single(Session.RunCleanly("(Export-RabbitDefinitions -Connection $Rabbit).Queues"));
            Assert.Equal(1, Value(Assert.Single(Session.RunCleanly($"{undo} -Connection $Rabbit -Confirm:$false")), "Removed"));
            Assert.Empty(Session.RunCleanly("(Export-RabbitDefinitions -Connection $Rabbit).Queues"));
            Session.RunCleanly("$null = $Saved | Import-RabbitDefinitions -Connection $Rabbit -Confirm:$false");
        }

        await FillAsync("orders", 3);
        SessionResult full = Session.Run("$Report | Undo-RabbitImport -Connection $Rabbit -Force -Confirm:$false");
        Assert.Equal(1, Value(Assert.Single(full.Output), "Failed"));
        Assert.StartsWith("DefinitionConflict,", Assert.Single(full.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(3u, await DepthAsync("orders"));
        Assert.StartsWith("DefinitionInvalid,", Assert.Single(Session.Run("$null = Export-RabbitDefinitions $Folder/d.json -Connection $Rabbit; Undo-RabbitImport $Folder/d.json -Connection $Rabbit -Confirm:$false").Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Export-RabbitDefinitions -Connection amqp://127.0.0.1:1 -Transform NoSuch")]
    [InlineData("Import-RabbitDefinitions ./none.json -Connection amqp://127.0.0.1:1 -Transform MigrateTo4, NoSuch")]
    [InlineData("Compare-RabbitDefinitions ./none.json -Connection amqp://127.0.0.1:1 -Transform NoSuch")]
    public void An_unknown_transformation_is_an_error_that_names_the_known_ones(string command)
    {
        ErrorRecord error = Assert.Single(Session.Run(command).Errors);
        Assert.Contains("'NoSuch'", error.ToString(), StringComparison.Ordinal);
        Assert.Contains("MigrateTo4", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Transformations_complete_with_what_they_do()
    {
        IReadOnlyList<PSObject> found = Session.RunCleanly("$line = 'Import-RabbitDefinitions x -Transform Mig'; [System.Management.Automation.CommandCompletion]::CompleteInput($line, $line.Length, $null).CompletionMatches");
        Assert.Equal("MigrateTo4", Value(Assert.Single(found), "CompletionText"));
        Assert.Contains("RemoveClassicMirroring", $"{Value(found[0], "ToolTip")}", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_of_what_is_selected_complete()
    {
        await Channel.ExchangeDeclareAsync("my events", ExchangeType.Topic, durable: true, cancellationToken: Cancellation);
        await ManageAsync($"policies/{VirtualHost.Name}/my-policy", """{"pattern":"x","definition":{"max-length":1}}""");
        await ManageAsync($"operator-policies/{VirtualHost.Name}/my-ceiling", """{"pattern":"x","definition":{"max-length":1}}""");
        await ManageAsync($"vhost-limits/{VirtualHost.Name}/max-queues", """{"value":100}""");
        foreach ((string typed, string completed) in new[] { ("Exchange my", "'my events'"), ("User gue", "guest"), ("Policy my-p", "my-policy"), ("Policy my-c", "my-ceiling"), ("Parameter lim", "limits") })
        {
            Session.Set("Line", $"Export-RabbitDefinitions -Connection $Rabbit -{typed}");
            Assert.Equal(completed, Value(Assert.Single(Session.RunCleanly("[System.Management.Automation.CommandCompletion]::CompleteInput($Line, $Line.Length, $null).CompletionMatches")), "CompletionText"));
        }
    }

    [Theory]
    [InlineData("Import-RabbitDefinitions $Folder/d.json -Connection $Rabbit -TargetVirtualHost other -Confirm:$false")]
    [InlineData("Export-RabbitDefinitions -Connection $Rabbit -TargetVirtualHost other")]
    [InlineData("Compare-RabbitDefinitions $Folder/d.json -Connection $Rabbit -TargetVirtualHost other")]
    public async Task A_target_for_definitions_that_name_their_virtual_hosts_is_an_error_and_not_ignored(string command)
    {
        await FillAsync("orders", 0);
        Session.RunCleanly("$null = Export-RabbitDefinitions $Folder/d.json -Connection $Rabbit");
        Assert.Contains("-VirtualHostMap", Assert.Single(Session.Run(command).Errors).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redacted_definitions_have_no_secret_and_still_compare()
    {
        await FillAsync("orders", 0);
        string text = string.Join('\n', Session.RunCleanly("$all = Export-RabbitDefinitions -Connection $Rabbit -User guest -RedactSecrets; $all.Users.ToJson(); @(Compare-RabbitDefinitions $all -Connection $Rabbit -User guest).Count").Select(line => line.ToString()));
        Assert.Contains("\"password_hash\":\"***\"", text.Replace(" ", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.EndsWith("\n0", text, StringComparison.Ordinal);
        Assert.Contains(
            Session.RunCleanly("$all | Import-RabbitDefinitions -Connection $Rabbit -WhatIf"),
            item => $"{Value(item, "Outcome")}" == "Skipped" && $"{Value(item, "Reason")}".Contains("redacted", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("{ \"queues\": [ {\"name\": \"new\", } ] }", "DefinitionInvalid,", "line 1, byte 31")]
    [InlineData("{ \"queues\": [ {\"name\": \"new\", \"vhost\": \"VH\"}, {\"name\": \"new2\", \"vhost\": \"VH\", \"durable\": \"yes\"} ] }", "DefinitionInvalid,", "queues[1] ('new2') \"durable\" must be true or false, not a text")]
    [InlineData("{ \"queues\": [ {\"name\": \"new\"} ] }", "InvalidArgument,", "-TargetVirtualHost")]
    [InlineData("{ \"vhosts\": [ {\"name\": \"VH\"} ], \"queues\": [ {\"name\": \"new\"} ] }", "DefinitionInvalid,", "queue 'new' lacks \"vhost\"")]
    public async Task A_bad_file_is_refused_with_the_place_before_anything_is_changed(string json, string id, string place)
    {
        await FillAsync("orders", 0);
        Whole();
        await File.WriteAllTextAsync(Path.Combine(Folder, "bad.json"), json.Replace("VH", VirtualHost.Name, StringComparison.Ordinal), Cancellation);
        Session.RunCleanly("$global:Before = Export-RabbitDefinitions -Connection $Rabbit");

        SessionResult result = Session.Run("Import-RabbitDefinitions $Folder/bad.json -Connection $Whole -Confirm:$false");

        ErrorRecord error = Assert.Single(result.Errors);
        Assert.StartsWith(id, error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Contains(place, error.ToString(), StringComparison.Ordinal);
        Assert.Empty(result.Output);
        Assert.Empty(Session.RunCleanly("Compare-RabbitDefinitions $Before -Connection $Rabbit"));
    }

    [Fact]
    public async Task Misspelt_keys_and_missing_virtual_hosts_and_conflicts_are_told_one_by_one_and_the_rest_is_imported()
    {
        await FillAsync("orders", 0);
        Whole();
        string added = $"{VirtualHost.Name}-added";
        await File.WriteAllTextAsync(
            Path.Combine(Folder, "odd.json"),
            $$$"""
            { "quues": [],
              "queues": [
                {"name": "orders", "vhost": "{{{VirtualHost.Name}}}", "durable": true, "arguments": {"x-max-length": 5}},
                {"name": "new", "vhost": "{{{VirtualHost.Name}}}", "durabel": false},
                {"name": "refused", "vhost": "{{{VirtualHost.Name}}}", "arguments": {"x-queue-type": "no-such"}},
                {"name": "elsewhere", "vhost": "{{{added}}}"} ] }
            """,
            Cancellation);
        try
        {
            IReadOnlyList<PSObject> plan = Session.RunCleanly("Import-RabbitDefinitions $Folder/odd.json -Connection $Whole -WhatIf");
            Assert.Contains(plan, item => $"{item}".StartsWith($"Created: virtual host '{added}'", StringComparison.Ordinal));
            Assert.Contains(plan, item => $"{item}" == $"Conflict: queue 'orders' in '{VirtualHost.Name}': arguments.x-max-length is not set, wanted 5");

            SessionResult result = Session.Run("Import-RabbitDefinitions $Folder/odd.json -Connection $Whole -Confirm:$false");

            Assert.Equal(["\"quues\" is", "queues[1] ('new')"], result.Warnings.Select(warning => string.Join(' ', warning.Split(' ').Take(2))).Order());
            Assert.Equal(
                [("DefinitionConflict", $"queue 'orders' in '{VirtualHost.Name}'"), ("DefinitionInvalid", $"queue 'refused' in '{VirtualHost.Name}'")],
                result.Errors.Select(error => (error.FullyQualifiedErrorId.Split(',')[0], $"{error.TargetObject}")));
            PSObject report = Assert.Single(result.Output);
            Assert.Equal((1, 1), (Value(report, "Conflicts"), Value(report, "Failed")));
            Assert.Equal(
                ["new", "orders"],
                Session.RunCleanly("(Export-RabbitDefinitions -Connection $Rabbit).Queues.Name").Select(name => name.ToString()).Order());
            Assert.Contains(result.Progress, record => record.StatusDescription.Contains("objects", StringComparison.Ordinal));
            Assert.Equal(["elsewhere"], Session.RunCleanly($"(Export-RabbitDefinitions -Connection $Whole -VirtualHost {added}).Queues.Name").Select(name => name.ToString()));
        }
        finally
        {
            using HttpResponseMessage _ = await Broker.Management.DeleteAsync($"vhosts/{added}", CancellationToken.None);
        }
    }

    /// <summary><c>$Whole</c> is a connection that names no virtual host.</summary>
    private void Whole()
    {
        Session.Set("WholeUri", $"amqp://{Broker.User}:{Broker.Password}@{Broker.Host}:{Broker.AmqpPort}");
        Session.RunCleanly("$global:Whole = New-RabbitConnection $WholeUri -ManagementUri $ManagementUri");
    }

    private async Task ManageAsync(string path, string json)
    {
        using HttpResponseMessage response = await Broker.Management.PutAsync(path, new StringContent(json, Encoding.UTF8, "application/json"), Cancellation);
        response.EnsureSuccessStatusCode();
    }
}

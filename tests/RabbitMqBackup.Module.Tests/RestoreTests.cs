using System.Management.Automation;
using RabbitMQ.Client;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

public sealed class RestoreTests : BrokerTest
{
    [Fact]
    public async Task Lost_queues_come_back_with_their_messages()
    {
        await BackUpAsync();
        await LoseAsync("orders", "payments");
        PSObject result = Assert.Single(Session.RunCleanly("Get-RabbitBackup $Store | Where-Object TotalMessages -gt 0 | Restore-RabbitMq -Connection $Rabbit -Confirm:$false"));
        Assert.Equal(true, Value(result, "IsComplete"));
        Assert.Equal(50L, Value(result, "Confirmed"));
        Assert.Equal(Filled("orders", 20), await TakeAllAsync("orders"));
        Assert.Equal(Filled("payments", 30), await TakeAllAsync("payments"));
    }

    [Fact]
    public async Task Names_of_queues_hold_for_messages_whatever_comes_down_the_pipeline_before_and_behind_them()
    {
        // A batch of messages is full at 32 MiB: the first has none of the second queue, the last none of the first.
        await FillAsync("a-large", 70, bytes: 500_000);
        await FillAsync("small", 5);
        Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit");
        await LoseAsync("a-large", "small");
        PSObject second = Assert.Single(Session.RunCleanly("Get-RabbitBackup $Store | Get-RabbitBackupMessage | Restore-RabbitMq -Queue small -Connection $Rabbit -Confirm:$false"));
        Assert.Equal((true, 5L), (Value(second, "IsComplete"), Value(second, "Confirmed")));
        PSObject first = Assert.Single(Session.RunCleanly("Get-RabbitBackup $Store | Get-RabbitBackupMessage | Restore-RabbitMq -Queue a-large -Connection $Rabbit -Confirm:$false"));
        Assert.Equal((true, 70L), (Value(first, "IsComplete"), Value(first, "Confirmed")));
        Assert.Equal(Filled("small", 5), await TakeAllAsync("small"));
    }

    [Fact]
    public async Task WhatIf_emits_the_plan_and_changes_nothing()
    {
        await BackUpAsync();
        await LoseAsync("orders");
        SessionResult result = Session.Run("Get-RabbitBackup $Store | Restore-RabbitMq -Connection $Rabbit -WhatIf");
        Assert.Empty(result.Errors);
        Assert.Equal(2, result.Output.Count);
        PSObject orders = Assert.Single(result.Output, row => (string?)Value(row, "TargetQueue") == "orders");
        Assert.Equal(true, Value(orders, "Declares"));
        Assert.Equal(20L, Value(orders, "Messages"));
        await Assert.ThrowsAnyAsync<Exception>(() => Channel.QueueDeclarePassiveAsync("orders", Cancellation));
    }

    [Theory]
    [InlineData("Restore-RabbitMq -QueueMap @{ '*' = 'copy-*' }", 2)]
    [InlineData("Restore-RabbitMq -VirtualHostMap @{ '*' = 'not-there' }", 2)]
    [InlineData("Restore-RabbitMq -IfNotEmpty Append -PublishMode Exchange", 2)]
    [InlineData("Restore-RabbitMq -IfNotEmpty Skip -Resume", 2)]
    [InlineData("Restore-RabbitMq -QueueType quorum -Expiration Remaining -First 3", 2)]
    [InlineData("Get-RabbitBackupSegment | Restore-RabbitMq -Force", 2)]
    [InlineData("Get-RabbitBackupMessage | Restore-RabbitMq -RejectedStore $Folder/rejected", 2)]
    public async Task WhatIf_changes_nothing_whatever_is_restored_and_how(string restore, int rows)
    {
        await BackUpAsync();
        await LoseAsync("orders");
        string before = await Broker.Management.GetStringAsync("definitions", Cancellation);
        string[] files = Directory.GetFileSystemEntries(Folder, "*", SearchOption.AllDirectories);

        SessionResult result = Session.Run($"Get-RabbitBackup $Store | {restore} -Connection $Rabbit -WhatIf");

        Assert.Empty(result.Errors);
        Assert.Equal(rows, result.Output.Count);
        string Objects(string definitions) => System.Text.Json.Nodes.JsonNode.Parse(definitions)!["queues"]!.AsArray().Where(queue => (string?)queue!["vhost"] == VirtualHost.Name).Aggregate("", (all, queue) => all + queue);
        Assert.Equal(Objects(before), Objects(await Broker.Management.GetStringAsync("definitions", Cancellation)));
        Assert.DoesNotContain("not-there", await Broker.Management.GetStringAsync("vhosts?columns=name", Cancellation), StringComparison.Ordinal);
        Assert.Equal(30u, await DepthAsync("payments"));
        Assert.Equal(files.Order(), Directory.GetFileSystemEntries(Folder, "*", SearchOption.AllDirectories).Order());
    }

    [Fact]
    public async Task Names_that_nothing_has_are_told_and_wildcards_are_not()
    {
        await FillAsync("orders", 5);
        await FillAsync("empty", 0);
        Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit");
        foreach (string look in new[] { "Get-RabbitBackupMessage", "Get-RabbitBackupSegment" })
        {
            SessionResult result = Session.Run($"Get-RabbitBackup $Store | {look} -Queue order*, nope, other*, empty");
            Assert.NotEmpty(result.Output);
            ErrorRecord error = Assert.Single(result.Errors);
            Assert.StartsWith("QueueNotFound,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
            Assert.Equal("nope", error.TargetObject);
        }

        ErrorRecord missing = Assert.Single(Session.Run("Get-RabbitBackup $Folder/mistyped").Errors);
        Assert.StartsWith("ObjectNotFound,", missing.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(Path.Combine(Folder, "mistyped"), missing.TargetObject);
        Directory.CreateDirectory(Path.Combine(Folder, "new"));
        Assert.Empty(Session.RunCleanly("Get-RabbitBackup $Folder/new"));
    }

    [Fact]
    public async Task Hashtables_are_taken_from_the_pipeline()
    {
        await FillAsync("orders", 5);
        Session.Set("Host0", VirtualHost.Name);
        PSObject manifest = Assert.Single(Session.RunCleanly("@{ Name = 'orders'; VirtualHost = $Host0 } | Backup-RabbitMq $Store -Connection $Rabbit"));
        Assert.Equal(5L, Value(manifest, "TotalMessages"));
        PSObject plan = Assert.Single(Session.RunCleanly(
            "$m = Get-RabbitBackup $Store; $m.PSObject.Properties.Add([psnoteproperty]::new('QueueMap', @{ orders = 'copy' })); $m | Restore-RabbitMq -Connection $Rabbit -WhatIf"));
        Assert.Equal("copy", Value(plan, "TargetQueue"));
    }

    [Fact]
    public async Task What_a_queues_limits_do_with_the_messages_is_told()
    {
        await FillAsync("orders", 20);
        Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit");
        await LoseAsync("orders");
        await Channel.QueueDeclareAsync("orders", true, false, false, new Dictionary<string, object?> { ["x-max-length"] = 5 }, cancellationToken: Cancellation);
        PSObject result = Assert.Single(Session.RunCleanly("Get-RabbitBackup $Store | Restore-RabbitMq -Connection $Rabbit -Force -Confirm:$false"));
        object queue = Assert.Single(Values(result, "Queues"));
        Assert.Equal(20L, Value(queue, "Confirmed"));
        Assert.Contains("at most 5 message(s)", (string?)Value(queue, "Reason"), StringComparison.Ordinal);
        Assert.Equal(5u, await DepthAsync("orders"));
    }

    [Fact]
    public async Task All_that_the_batches_of_a_pipeline_created_is_taken_back_at_once()
    {
        await FillAsync("orders", 40);
        await FillAsync("payments", 30);
        Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit");
        await LoseAsync("orders", "payments");
        Session.Set("Result", Assert.Single(Session.RunCleanly("Get-RabbitBackup $Store | Get-RabbitBackupMessage | Restore-RabbitMq -Connection $Rabbit -BatchSize 15 -Confirm:$false")));
        Assert.Equal((40u, 30u), (await DepthAsync("orders"), await DepthAsync("payments")));
        await AwaitListedAsync("orders", 40);
        Assert.All(Session.RunCleanly("$Result | Undo-RabbitRestore -Connection $Rabbit -Confirm:$false"), item => Assert.Equal(true, Value(item, "IsRemoved")));
        Assert.Empty(Session.RunCleanly("Get-RabbitQueue -Connection $Rabbit"));
    }

    [Fact]
    public async Task A_restore_asks_and_a_no_changes_nothing()
    {
        await BackUpAsync();
        await LoseAsync("orders", "payments");
        Session.Host.Answers.Enqueue("&No");
        Assert.Empty(Session.RunCleanly("Get-RabbitBackup $Store | Restore-RabbitMq -Connection $Rabbit"));
        Assert.Contains("50 message", Assert.Single(Session.Host.Questions), StringComparison.Ordinal);
        Assert.Empty(Session.RunCleanly("Get-RabbitQueue -Connection $Rabbit"));
    }

    [Fact]
    public async Task A_queue_that_has_messages_is_left_alone_unless_told_otherwise()
    {
        await BackUpAsync();
        await LoseAsync("payments");
        SessionResult refused = Session.Run("Get-RabbitBackup $Store | Restore-RabbitMq -Connection $Rabbit -Confirm:$false");
        Assert.Equal(false, Value(Assert.Single(refused.Output), "IsComplete"));
        ErrorRecord error = Assert.Single(refused.Errors);
        Assert.StartsWith("RestoreConflict,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal($"{VirtualHost.Name}/orders", error.TargetObject);
        Assert.Equal(20u, await DepthAsync("orders"));
        Assert.Equal(30u, await DepthAsync("payments"));

        PSObject skipped = Assert.Single(Session.RunCleanly("Get-RabbitBackup $Store | Restore-RabbitMq -Queue orders -IfNotEmpty Skip -Connection $Rabbit -Confirm:$false"));
        Assert.Equal(true, Value(skipped, "IsComplete"));
        Session.RunCleanly("Get-RabbitBackup $Store | Restore-RabbitMq -Queue orders -IfNotEmpty Append -Connection $Rabbit -Confirm:$false");
        Assert.Equal([.. Filled("orders", 20), .. Filled("orders", 20)], await TakeAllAsync("orders"));
    }

    [Fact]
    public async Task Segments_are_restored_in_their_order()
    {
        await FillAsync("orders", 300, bytes: 1000);
        Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit -SegmentBytes 64KB");
        await LoseAsync("orders");
        PSObject result = Assert.Single(Session.RunCleanly("Get-RabbitBackup $Store | Get-RabbitBackupSegment -Queue ord* | Restore-RabbitMq -Connection $Rabbit -Confirm:$false"));
        Assert.Equal(300L, Value(result, "Confirmed"));
        Assert.Equal(Filled("orders", 300), await TakeAllAsync("orders"));
    }

    [Fact]
    public async Task Selected_messages_are_restored()
    {
        await BackUpAsync();
        await LoseAsync("orders", "payments");
        PSObject result = Assert.Single(Session.RunCleanly(
            "Get-RabbitBackup $Store | Get-RabbitBackupMessage | Where-Object { $_.Headers.number -ge 15 -and $_.Headers.number -lt 18 } | Restore-RabbitMq -Connection $Rabbit -Confirm:$false"));
        Assert.Equal(6L, Value(result, "Confirmed"));
        Assert.Equal(["orders-15", "orders-16", "orders-17"], await TakeAllAsync("orders"));
        Assert.Equal(["payments-15", "payments-16", "payments-17"], await TakeAllAsync("payments"));
    }

    [Fact]
    public async Task One_message_of_many_is_found_by_its_header()
    {
        int messages = Environment.GetEnvironmentVariable("RABBITMQ_TEST_LONG") == "1" ? 100_000 : 10_000;
        await FillAsync("orders", messages);
        Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit");
        await LoseAsync("orders");
        Session.Set("Number", messages * 3 / 4);
        PSObject result = Assert.Single(Session.RunCleanly(
            "Get-RabbitBackup $Store | Get-RabbitBackupMessage | Where-Object { $_.Headers.number -eq $Number } | Restore-RabbitMq -Connection $Rabbit -Confirm:$false"));
        Assert.Equal(1L, Value(result, "Confirmed"));
        Assert.Equal([$"orders-{messages * 3 / 4}"], await TakeAllAsync("orders"));
    }

    [Fact]
    public async Task More_messages_than_one_batch_holds_are_one_restore()
    {
        const int Messages = 25_000;
        await FillAsync("orders", Messages);
        Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit");
        await LoseAsync("orders");
        Session.Host.Answers.Enqueue("&Yes");
        PSObject result = Assert.Single(Session.RunCleanly("Get-RabbitBackup $Store | Get-RabbitBackupMessage | Restore-RabbitMq -Connection $Rabbit"));
        Assert.Single(Session.Host.Questions);
        Assert.Equal((long)Messages, Value(result, "Confirmed"));
        Assert.Equal(true, Value(result, "IsComplete"));
        Assert.Equal(Filled("orders", Messages), await TakeAllAsync("orders"));

        await FillAsync("orders", 1);
        SessionResult refused = Session.Run("Get-RabbitBackup $Store | Get-RabbitBackupMessage | Restore-RabbitMq -Connection $Rabbit -Confirm:$false");
        Assert.StartsWith("RestoreConflict,", Assert.Single(refused.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal((long)Messages, Value(Values(Assert.Single(refused.Output), "Queues")[0], "Requested"));
        Assert.Equal(1u, await DepthAsync("orders"));

        PSObject plan = Assert.Single(Session.RunCleanly("Get-RabbitBackup $Store | Get-RabbitBackupMessage | Restore-RabbitMq -Connection $Rabbit -IfNotEmpty Append -WhatIf"));
        Assert.Equal((long)Messages, Value(plan, "Messages"));
        Assert.Equal(1u, await DepthAsync("orders"));
    }

    [Fact]
    public async Task Segments_and_the_manifest_that_holds_them_are_restored_once()
    {
        await FillAsync("orders", 100);
        PSObject result = Assert.Single(Session.RunCleanly("""
            $passed = @(Backup-RabbitMq $Store -Connection $Rabbit -PassSegment)
            $null = $passed.Count
            $passed | Restore-RabbitMq -Connection $Rabbit -IfNotEmpty Append -Confirm:$false
            """));
        Assert.Equal(100L, Value(result, "Confirmed"));
        Assert.Equal(200u, await DepthAsync("orders"));
    }

    [Fact]
    public async Task The_plan_tells_of_new_names_another_type_and_what_it_can_not_have()
    {
        await Channel.QueueDeclareAsync("prod-a", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-max-priority"] = 5 }, cancellationToken: Cancellation);
        await FillAsync("prod-b", 5);
        Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit");
        PSObject[] plan = [.. Session.RunCleanly("Get-RabbitBackup $Store | Restore-RabbitMq -Connection $Rabbit -QueueMap @{ 'prod-*' = 'test-*' } -QueueType quorum -WhatIf")];
        Assert.Equal(["test-a", "test-b"], plan.Select(row => (string?)Value(row, "TargetQueue")).Order());
        Assert.All(plan, row => Assert.Equal("quorum", Value(row, "TargetType")));
        Assert.Contains("x-max-priority", Values(plan.Single(row => (string?)Value(row, "Queue") == "prod-a"), "NotCarriedOver").Single().ToString()!, StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<Exception>(() => Channel.QueueDeclarePassiveAsync("test-a", Cancellation));
    }

    [Fact]
    public async Task A_part_of_a_queue_goes_into_another_one()
    {
        await BackUpAsync();
        PSObject result = Assert.Single(Session.RunCleanly(
            "Get-RabbitBackup $Store | Restore-RabbitMq -Connection $Rabbit -Queue orders -Last 3 -QueueMap @{ orders = 'replay' } -Expiration Drop -Confirm:$false"));
        Assert.Equal(3L, Value(result, "Confirmed"));
        Assert.Equal(Filled("orders", 20).TakeLast(3), await TakeAllAsync("replay"));
        Assert.Equal(20u, await DepthAsync("orders"));
        Assert.Empty(Session.RunCleanly("Get-RabbitBackup $Store | Restore-RabbitMq -Connection $Rabbit -Before '2001-01-01' -Confirm:$false -WarningAction SilentlyContinue"));
    }

    [Theory]
    [InlineData("-QueueMap @{ nosuch = 'x' }", "QueueNotFound,")]
    [InlineData("-QueueMap @{ orders = 'x*' }", "InvalidArgument,")]
    [InlineData("-ExchangeMap @{ a = 'b' }", "InvalidArgument,")]
    [InlineData("-First 1 -Last 1", "InvalidArgument,")]
    [InlineData("-After '2026-01-02' -Before '2026-01-01'", "InvalidArgument,")]
    [InlineData("-KeepUserId", "BrokerAccessRefused,")]
    public async Task What_can_not_be_is_refused_before_anything_is_done(string parameters, string id)
    {
        await BackUpAsync();
        await LoseAsync("orders", "payments");
        ErrorRecord error = Assert.Single(Session.Run($"Get-RabbitBackup $Store | Restore-RabbitMq -Connection $Rabbit -Confirm:$false {parameters}").Errors);
        Assert.StartsWith(id, error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Empty(Session.RunCleanly("Get-RabbitQueue -Connection $Rabbit"));
    }

    [Fact]
    public async Task Rejected_messages_are_kept_and_restored_later()
    {
        await FillAsync("small", 100);
        Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit");
        await LoseAsync("small");
        await Channel.QueueDeclareAsync("small", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-max-length"] = 10, ["x-overflow"] = "reject-publish" }, cancellationToken: Cancellation);
        Session.Set("Rejected", Path.Combine(Path.GetTempPath(), $"rejected-{Guid.NewGuid():N}"));
        SessionResult refused = Session.Run("Get-RabbitBackup $Store | Restore-RabbitMq -Connection $Rabbit -Force -RejectedStore $Rejected -Confirm:$false");
        Assert.StartsWith("PublishRejected,", Assert.Single(refused.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        List<string> taken = [.. await TakeAllAsync("small")];
        await LoseAsync("small");
        PSObject later = Assert.Single(Session.RunCleanly("Get-RabbitBackup $Rejected | Restore-RabbitMq -Connection $Rabbit -Confirm:$false"));
        Assert.Equal(100L - taken.Count, Value(later, "Confirmed"));
        Session.RunCleanly("[System.IO.Directory]::Delete($Rejected, $true)");
    }

    [Fact]
    public async Task A_drill_tells_whether_and_how_fast_a_backup_comes_back()
    {
        await BackUpAsync();
        PSObject report = Assert.Single(Session.RunCleanly("Get-RabbitBackup $Store | Test-RabbitBackup -Drill -Connection $Rabbit"));
        Assert.Equal(true, Value(report, "IsValid"));
        Assert.Equal(50L, Value(Value(report, "Drill")!, "Messages"));
        PSObject sample = Assert.Single(Session.RunCleanly("Get-RabbitBackup $Store | Test-RabbitBackup -Drill -Sample 1 -Connection $Rabbit"));
        Assert.Single(Values(Value(sample, "Drill")!, "Queues"));
        Assert.StartsWith("InvalidArgument,", Assert.Single(Session.Run("Get-RabbitBackup $Store | Test-RabbitBackup -Drill -Sample few -Connection $Rabbit").Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(20u, await DepthAsync("orders"));
    }

    [Fact]
    public async Task A_restore_is_taken_back()
    {
        await BackUpAsync();
        await LoseAsync("orders");
        Session.RunCleanly("$global:restored = Get-RabbitBackup $Store | Restore-RabbitMq -Connection $Rabbit -IfNotEmpty Append -Confirm:$false");
        PSObject planned = Assert.Single(Session.RunCleanly("$restored | Undo-RabbitRestore -Connection $Rabbit -WhatIf"));
        Assert.Equal("orders", Value(planned, "Name"));
        Assert.Equal(20u, await DepthAsync("orders"));
        PSObject undone = Assert.Single(Session.RunCleanly("$restored | Undo-RabbitRestore -Connection $Rabbit -Confirm:$false"));
        Assert.Equal(true, Value(undone, "IsRemoved"));
        await Assert.ThrowsAnyAsync<Exception>(() => Channel.QueueDeclarePassiveAsync("orders", Cancellation));
        Assert.StartsWith("ObjectNotFound,", Assert.Single(Session.Run("$restored | Undo-RabbitRestore -Connection $Rabbit -Confirm:$false").Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_restore_that_was_not_cut_is_begun_with_Resume_too()
    {
        await BackUpAsync();
        await LoseAsync("orders", "payments");
        PSObject result = Assert.Single(Session.RunCleanly("Get-RabbitBackup $Store | Restore-RabbitMq -Connection $Rabbit -Resume -Confirm:$false"));
        Assert.Equal(50L, Value(result, "Confirmed"));
        Assert.Equal(true, Value(result, "IsComplete"));
    }

    private async Task BackUpAsync()
    {
        await FillAsync("orders", 20);
        await FillAsync("payments", 30, "quorum");
        Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit");
    }

    private async Task LoseAsync(params string[] queues)
    {
        foreach (string queue in queues)
        {
            await Channel.QueueDeleteAsync(queue);
        }
    }
}

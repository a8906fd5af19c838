using System.Management.Automation;
using RabbitMQ.Client;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

public sealed class BackupTests : BrokerTest
{
    [Theory]
    [InlineData("classic")]
    [InlineData("quorum")]
    public async Task Backup_holds_every_message_and_the_queue_has_them_all_in_their_order(string type)
    {
        await FillAsync("orders", 500, type);
        PSObject manifest = Assert.Single(Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit"));
        Assert.Equal("Complete", $"{Value(manifest, "Status")}");
        Assert.Equal(500L, Value(manifest, "TotalMessages"));
        Assert.Equal(Filled("orders", 500), Session.RunCleanly("Get-RabbitBackup $Store | Get-RabbitBackupMessage | ForEach-Object Text").Select(text => text.ToString()));
        Assert.Equal(Filled("orders", 500), await TakeAllAsync("orders"));
    }

    [Fact]
    public void Wildcards_that_match_no_queue_are_told()
    {
        SessionResult result = Session.Run("Backup-RabbitMq $Store orderz.* -Connection $Rabbit");
        Assert.Empty(result.Errors);
        Assert.Contains("No queue matches", Assert.Single(result.Warnings), StringComparison.Ordinal);
        Assert.Equal(0L, Value(Assert.Single(result.Output), "TotalMessages"));
    }

    [Theory]
    [InlineData("-SegmentInterval 0:0:0", "SegmentInterval", "from 00:00:01 to 1.00:00:00")]
    [InlineData("-SegmentBytes 1", "SegmentBytes", "from 65536 to 1073741824")]
    [InlineData("-BackupId ../x", "BackupId", "'../x'")]
    public void A_value_out_of_range_is_told_with_its_parameter_and_its_bounds(string parameter, string name, string said)
    {
        ErrorRecord error = Assert.Single(Session.Run($"Backup-RabbitMq $Store -Connection $Rabbit {parameter}").Errors);
        Assert.StartsWith("InvalidArgument,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(name, error.TargetObject);
        Assert.Contains(said, error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Queues_in_the_pipeline_become_one_backup_of_their_cluster()
    {
        await FillAsync("a", 2);
        await FillAsync("b", 3);
        await FillAsync("c", 4);

        // Without -Connection: it comes along with the queues.
        PSObject manifest = Assert.Single(Session.RunCleanly("Get-RabbitQueue a, c -Connection $Rabbit | Backup-RabbitMq $Store -SkipDefinitions"));
        Assert.Equal(6L, Value(manifest, "TotalMessages"));
        Assert.Single(Manifests);
    }

    [Fact]
    public async Task Queues_of_two_connections_to_one_cluster_are_one_backup_and_of_two_clusters_none()
    {
        await FillAsync("a", 2);
        await FillAsync("b", 3);
        Session.RunCleanly("$global:Whole = New-RabbitConnection ($Uri -replace '/[^/]*$', '') -ManagementUri $ManagementUri; $global:Other = New-RabbitConnection $Uri -ManagementUri http://other");
        Session.Set("VirtualHost", VirtualHost.Name);
        PSObject manifest = Assert.Single(Session.RunCleanly(
            "$(Get-RabbitQueue a -Connection $Whole -VirtualHost $VirtualHost; Get-RabbitQueue b -Connection $Rabbit) | Backup-RabbitMq $Store -SkipDefinitions"));
        Assert.Equal(5L, Value(manifest, "TotalMessages"));
        SessionResult mixed = Session.Run("""
            $a = Get-RabbitQueue a -Connection $Rabbit
            $(Get-RabbitQueue b -Connection $Rabbit; [pscustomobject]@{ Name = 'a'; VirtualHost = $VirtualHost; Connection = $Other }) | Backup-RabbitMq $Store
            """);
        Assert.Empty(mixed.Output);
        Assert.StartsWith("InvalidArgument,", Assert.Single(mixed.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Single(Manifests);
    }

    [Fact]
    public async Task Rows_with_name_and_virtual_host_are_queues_too()
    {
        await FillAsync("a", 2);
        await FillAsync("b", 3);
        Session.Set("VirtualHost", VirtualHost.Name);
        PSObject manifest = Assert.Single(Session.RunCleanly("[pscustomobject]@{ Name = 'a'; VirtualHost = $VirtualHost } | Backup-RabbitMq $Store -Connection $Rabbit"));
        Assert.Equal(2L, Value(manifest, "TotalMessages"));
        Assert.Contains(Session.Run("[pscustomobject]@{ Name = 'a' } | Backup-RabbitMq $Store -Connection $Rabbit").Errors, error => error.ToString().Contains("VirtualHost", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_empty_pipeline_backs_up_nothing()
    {
        await FillAsync("orders", 1);
        SessionResult result = Session.Run("Get-RabbitQueue no-such-* -Connection $Rabbit | Backup-RabbitMq $Store -Connection $Rabbit");
        Assert.Empty(result.Output);
        Assert.Empty(result.Errors);
        Assert.Single(result.Warnings);
        Assert.Empty(Manifests);
    }

    [Fact]
    public async Task WhatIf_names_the_work_and_does_nothing()
    {
        await FillAsync("orders", 5);
        SessionResult result = Session.Run("Backup-RabbitMq $Store -Connection $Rabbit -WhatIf");
        Assert.Empty(result.Output);
        Assert.Empty(result.Errors);
        Assert.Contains("What if:", Session.Host.Shown, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Store));
        Assert.Equal(5u, await DepthAsync("orders"));
        Assert.False((await Channel.BasicGetAsync("orders", autoAck: true, Cancellation))!.Redelivered);
    }

    [Fact]
    public async Task Confirm_asks_and_a_no_is_a_no()
    {
        await FillAsync("orders", 5);
        Session.Host.Answers.Enqueue("&No");
        Assert.Empty(Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit -Confirm"));
        Assert.Single(Session.Host.Questions);
        Assert.Empty(Manifests);
        Session.Host.Answers.Enqueue("&Yes");
        Assert.Single(Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit -Confirm"));
    }

    [Fact]
    public async Task PassSegment_emits_the_segments_and_then_the_manifest()
    {
        await FillAsync("orders", 300, bytes: 1000);
        IReadOnlyList<PSObject> output = Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit -SegmentBytes 64KB -PassSegment");
        Assert.True(output.Count > 3, "several segments were expected");
        Assert.All(output.SkipLast(1), item => Assert.Contains("RabbitMqBackup.Engine.Catalog.BackupSegment", item.TypeNames));
        Assert.Contains("RabbitMqBackup.Engine.Catalog.BackupManifest", output[^1].TypeNames);
        Assert.Equal(output.Count - 1, Value(output[^1], "TotalSegments"));
    }

    [Fact]
    public async Task Messages_of_passed_segments_and_of_their_manifest_come_once()
    {
        await FillAsync("orders", 300, bytes: 1000);
        Assert.Equal(300, Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit -SegmentBytes 64KB -PassSegment | Get-RabbitBackupMessage").Count);
    }

    [Fact]
    public async Task Progress_and_verbose_lines_are_shown_and_no_stream_has_a_secret()
    {
        await FillAsync("orders", 50);
        SessionResult result = Session.Run("Backup-RabbitMq $Store -Connection $Rabbit -Verbose -Debug");
        Assert.Single(result.Output);
        Assert.NotEmpty(result.Progress);
        Assert.Equal(ProgressRecordType.Completed, result.Progress[^1].RecordType);
        Assert.NotEmpty(result.Verbose);
        Assert.DoesNotContain(result.Everything, text => text.Contains($":{Broker.Password}@", StringComparison.Ordinal));
        Assert.DoesNotContain(Directory.EnumerateFiles(Store, "*", SearchOption.AllDirectories), file => File.ReadAllText(file).Contains($":{Broker.Password}@", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Store_is_relative_to_the_location_of_the_session()
    {
        await FillAsync("orders", 1);
        Session.RunCleanly("$ExecutionContext.SessionState.Path.SetLocation($Folder); Backup-RabbitMq ./here -Connection $Rabbit");
        Assert.True(Directory.Exists(Path.Combine(Folder, "here")));
    }

    [Fact]
    public async Task Failure_of_one_queue_is_an_error_and_a_partial_backup()
    {
        await FillAsync("orders", 5);
        await Channel.QueueDeclareAsync("own", durable: false, exclusive: true, autoDelete: false, cancellationToken: Cancellation);
        SessionResult result = Session.Run("Backup-RabbitMq $Store -Connection $Rabbit");
        Assert.Equal("Partial", $"{Value(Assert.Single(result.Output), "Status")}");
        Assert.Contains("own", Assert.Single(result.Errors).ToString(), StringComparison.Ordinal);

        SessionResult stopped = Session.Run("Backup-RabbitMq $Store -Connection $Rabbit -ErrorAction Stop");
        Assert.NotEmpty(stopped.Errors);
        Assert.Empty(stopped.Output);
        Assert.Equal(5u, await DepthAsync("orders"));
    }
}

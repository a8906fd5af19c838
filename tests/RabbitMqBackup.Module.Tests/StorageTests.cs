using System.Management.Automation;
using System.Security;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

/// <summary>Stores, copies, pins and removals as a person at the prompt meets them.</summary>
public sealed class StorageTests : BrokerTest
{
    private string _secret = "";

    [Theory]
    [InlineData("s3")]
    [InlineData("azblob")]
    public async Task The_whole_main_job_works_on_a_cloud_store_and_tells_no_secret(string kind)
    {
        await UseCloudAsync(kind);
        await FillAsync("orders", 2000, "quorum", bytes: 500);
        await FillAsync("bills", 100);

        Session.RunCleanly("$global:Cloud = New-RabbitBackupStore $CloudUri -Endpoint $Endpoint -Credential $Key -Test");
        PSObject manifest = Assert.Single(Session.RunCleanly("Backup-RabbitMq $Cloud -Connection $Rabbit -SegmentBytes 256KB -BackupId one"));
        Assert.Equal("Complete", $"{Value(manifest, "Status")}");
        Assert.Equal(2100L, Value(Assert.Single(Session.RunCleanly("Get-RabbitBackup $Cloud")), "TotalMessages"));
        Assert.Equal(true, Value(Assert.Single(Session.RunCleanly("Get-RabbitBackup $Cloud | Test-RabbitBackup -Deep")), "IsValid"));
        Assert.Equal(Filled("bills", 100), Session.RunCleanly("Get-RabbitBackup $Cloud | Get-RabbitBackupMessage -Queue bills | ForEach-Object Text").Select(text => text.ToString()));
        await Channel.QueueDeleteAsync("orders", ifUnused: false, ifEmpty: false, cancellationToken: Cancellation);
        await Channel.QueueDeleteAsync("bills", ifUnused: false, ifEmpty: false, cancellationToken: Cancellation);
        Assert.Equal(2100L, Value(Assert.Single(Session.RunCleanly("Get-RabbitBackup $Cloud -Latest | Restore-RabbitMq -Connection $Rabbit -Confirm:$false")), "Confirmed"));
        Assert.Equal(Filled("orders", 2000), await TakeAllAsync("orders"));

        Assert.Equal(true, Value(Assert.Single(Session.RunCleanly("Get-RabbitBackup $Cloud | Copy-RabbitBackup -Destination $Store | Test-RabbitBackup -Deep")), "IsValid"));
        SessionResult everything = Session.Run("Get-RabbitBackup $Cloud -Verbose -Debug; $Cloud; Get-RabbitBackup $Cloud | Remove-RabbitBackup -Confirm:$false -Verbose -Debug; Get-RabbitBackup $Cloud | Remove-RabbitBackup -Force -Confirm:$false; Get-RabbitBackup $Cloud");
        Assert.Equal("BackupProtected", everything.Errors[0].FullyQualifiedErrorId.Split(',')[0]);
        Assert.Contains(everything.Output, item => item.TypeNames.Contains("RabbitMqBackup.Engine.Catalog.BackupRemoval"));
        Assert.Empty(Session.RunCleanly("Get-RabbitBackup $Cloud -IncludeIncomplete"));
        Session.RunCleanly("$Cloud | Out-Default");
        Assert.DoesNotContain(everything.Everything.Append(Session.Host.Shown), text => text.Contains(_secret, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("s3")]
    [InlineData("azblob")]
    public async Task Wrong_credentials_and_a_missing_bucket_are_told_by_the_test_in_words(string kind)
    {
        await UseCloudAsync(kind);

        ErrorRecord missing = Assert.Single(Session.Run("New-RabbitBackupStore ($CloudUri -replace 'job-', 'no-such-') -Endpoint $Endpoint -Credential $Key -Test").Errors);
        Assert.Equal(ErrorCategory.ResourceUnavailable, missing.CategoryInfo.Category);
        Assert.Contains("does not exist", missing.ToString(), StringComparison.Ordinal);

        Session.Set("Key", NewCredential(kind == "s3" ? "AKTEST" : Value(Session.RunCleanly("$Key").Single(), "UserName")!.ToString()!, kind == "s3" ? "canary" : Convert.ToBase64String("canary"u8)));
        ErrorRecord refused = Assert.Single(Session.Run("New-RabbitBackupStore $CloudUri -Endpoint $Endpoint -Credential $Key -Test").Errors);
        Assert.StartsWith("StorageAccessDenied,", refused.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(ErrorCategory.PermissionDenied, refused.CategoryInfo.Category);
        Assert.DoesNotContain("canary", $"{refused} {refused.Exception}", StringComparison.Ordinal);
    }

    [Fact]
    public void A_parameter_that_means_nothing_to_the_kind_of_store_is_an_error_that_names_it()
    {
        foreach ((string command, string parameter) in new[]
        {
            ("New-RabbitBackupStore $Folder -Region eu-central-1", "Region"),
            ("New-RabbitBackupStore gs://bucket -Tag @{ a = 'b' }", "Tag"),
            ("New-RabbitBackupStore s3://bucket -AccessTier Cool", "AccessTier"),
            ("New-RabbitBackupStore azblob://account/container -StorageClass COOL", "StorageClass"),
        })
        {
            ErrorRecord error = Assert.Single(Session.Run(command).Errors);
            Assert.StartsWith("InvalidArgument,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
            Assert.Contains($"-{parameter} is for ", error.ToString(), StringComparison.Ordinal);
        }

        foreach (string command in new[]
        {
            "New-RabbitBackupStore s3://bucket -KmsKeyId x", "New-RabbitBackupStore s3://bucket -ObjectLockMode GOVERNANCE", "New-RabbitBackupStore s3://bucket -Profile p -Credential $Someone",
            "New-RabbitBackupStore azblob://account/container -ImmutabilityLocked", "New-RabbitBackupStore s3://user:canary@bucket", "New-RabbitBackupStore s3://bucket?nonsense=canary",
        })
        {
            Session.Set("Someone", NewCredential("a", "canary"));
            ErrorRecord error = Assert.Single(Session.Run(command).Errors);
            Assert.StartsWith("InvalidArgument,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
            Assert.DoesNotContain("canary", error.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Test_of_a_folder_passes_and_leaves_nothing()
    {
        await FillAsync("orders", 1);
        SessionResult result = Session.Run("New-RabbitBackupStore $Store -Test -Verbose");
        Assert.Empty(result.Errors);
        Assert.Empty(result.Warnings);
        Assert.Single(result.Output);
        Assert.Equal(7, result.Verbose.Count(line => line.ToString().EndsWith("works", StringComparison.Ordinal)));
        Assert.DoesNotContain(Directory.GetFiles(Store, "*", SearchOption.AllDirectories), file => !Path.GetFileName(file).StartsWith('.'));
    }

    [Fact]
    public async Task Retention_keeps_pins_and_the_rules_and_removes_the_rest()
    {
        await FillAsync("orders", 3);
        for (int i = 0; i < 5; i++)
        {
            Session.RunCleanly($"Backup-RabbitMq $Store -Connection $Rabbit -BackupId b{i}");
        }

        Session.RunCleanly("Get-RabbitBackup $Store b1 | Set-RabbitBackup -Pin");
        Assert.Equal(["b1"], Session.RunCleanly("Get-RabbitBackup $Store | Where-Object IsPinned").Select(backup => $"{backup}"));

        SessionResult plan = Session.Run("Remove-RabbitBackup -Store $Store -KeepLast 2 -WhatIf");
        Assert.Equal(["Remove", "Keep", "Remove", "Keep", "Keep"], plan.Output.Select(row => $"{Value(row, "Decision")}"));
        Assert.Equal(5, Session.RunCleanly("Get-RabbitBackup $Store").Count);

        Session.Host.Answers.Enqueue("&No");
        Session.Host.Answers.Enqueue("&Yes");
        Assert.Equal(["b2"], Session.RunCleanly("Remove-RabbitBackup -Store $Store -KeepLast 2").Select(row => $"{row}"));
        Assert.Equal(["b0"], Session.RunCleanly("Get-RabbitBackup $Store | Remove-RabbitBackup -KeepLast 2 -Confirm:$false").Select(row => $"{row}"));
        Assert.Equal(["b1", "b3", "b4"], Session.RunCleanly("Get-RabbitBackup $Store").Select(backup => $"{backup}"));

        SessionResult all = Session.Run("Get-RabbitBackup $Store | Set-RabbitBackup -Unpin -PassThru | Remove-RabbitBackup -Confirm:$false");
        Assert.Equal(["b1", "b3"], all.Output.Select(row => $"{row}"));
        Assert.StartsWith("BackupProtected,", Assert.Single(all.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal("b4", Assert.Single(all.Errors).TargetObject);
    }

    [Fact]
    public async Task Remains_of_a_killed_backup_go_by_their_age()
    {
        await FillAsync("orders", 3);
        Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit -BackupId good; Backup-RabbitMq $Store -Connection $Rabbit -BackupId killed");
        File.Delete(Path.Combine(Store, "killed", "manifest.json"));

        Assert.Empty(Session.RunCleanly("Remove-RabbitBackup -Store $Store -OrphanAge 1.00:00:00 -Confirm:$false"));
        Assert.Equal(["killed"], Session.RunCleanly("Remove-RabbitBackup -Store $Store -OrphanAge 0 -Confirm:$false").Select(row => $"{row}"));
        Assert.Equal(["good"], Session.RunCleanly("Get-RabbitBackup $Store -IncludeIncomplete").Select(backup => $"{backup}"));
        Assert.StartsWith("InvalidArgument,", Assert.Single(Session.Run("Remove-RabbitBackup -Store $Store -Confirm:$false").Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_copy_of_a_damaged_backup_is_an_error_and_the_others_are_copied()
    {
        await FillAsync("orders", 30);
        Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit -BackupId bad; Backup-RabbitMq $Store -Connection $Rabbit -BackupId good");
        string segment = Directory.GetFiles(Path.Combine(Store, "bad"), "segment-*", SearchOption.AllDirectories).Single();
        byte[] bytes = await File.ReadAllBytesAsync(segment, Cancellation);
        bytes[^20] ^= 1;
        await File.WriteAllBytesAsync(segment, bytes, Cancellation);

        SessionResult result = Session.Run("Get-RabbitBackup $Store | Copy-RabbitBackup -Destination (New-RabbitBackupStore \"$Folder/there\")");

        Assert.Equal(["good"], result.Output.Select(backup => $"{backup}"));
        ErrorRecord error = Assert.Single(result.Errors);
        Assert.StartsWith("SegmentCorrupt,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.EndsWith("segment-0001.zst", $"{error.TargetObject}", StringComparison.Ordinal);
        Assert.Contains("What if:", RunWhatIf(), StringComparison.Ordinal);

        string RunWhatIf()
        {
            Session.RunCleanly("Get-RabbitBackup $Store good | Copy-RabbitBackup -Destination \"$Folder/nowhere\" -WhatIf");
            Assert.False(Directory.Exists(Path.Combine(Folder, "nowhere")));
            return Session.Host.Shown;
        }
    }

    /// <summary>Puts the address of an empty bucket or container into the session, with its key.</summary>
    private async Task UseCloudAsync(string kind)
    {
        string bucket = $"job-{Guid.NewGuid():n}";
        try
        {
            if (kind == "s3")
            {
                CephServer server = await CephServer.GetAsync();
                await server.CreateBucketAsync(bucket);
                Session.Set("CloudUri", $"s3://{bucket}/some/prefix");
                Session.Set("Endpoint", server.Endpoint);
                Session.Set("Key", NewCredential(server.AccessKey, _secret = server.SecretKey));
            }
            else
            {
                AzuriteServer server = await AzuriteServer.GetAsync();
                await server.CreateContainerAsync(bucket);
                Session.Set("CloudUri", $"azblob://{server.Account}/{bucket}/some/prefix");
                Session.Set("Endpoint", server.Endpoint);
                Session.Set("Key", NewCredential(server.Account, _secret = server.Key));
            }
        }
        catch (TestServerUnavailableException reason)
        {
            Assert.Skip(reason.Message);
        }
    }

    private static PSCredential NewCredential(string user, string password)
    {
        SecureString secret = new();
        foreach (char c in password)
        {
            secret.AppendChar(c);
        }

        return new PSCredential(user, secret);
    }
}

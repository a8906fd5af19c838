using System.Management.Automation;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

public sealed class VerificationTests : BrokerTest
{
    [Theory]
    [InlineData("")]
    [InlineData("-Deep")]
    public async Task A_whole_backup_is_valid(string deep)
    {
        await BackUpAsync();
        PSObject report = Assert.Single(Session.RunCleanly($"Get-RabbitBackup $Store | Test-RabbitBackup {deep}"));
        Assert.Equal(true, Value(report, "IsValid"));
        Assert.Equal(20L, Value(report, "Messages"));
        Assert.Equal("RabbitMqBackup.Engine.Catalog.BackupManifest", Assert.Single(Session.RunCleanly($"Get-RabbitBackup $Store | Test-RabbitBackup {deep} -PassThru")).TypeNames[0]);
    }

    [Fact]
    public async Task An_altered_segment_is_found_by_the_deep_check_and_stops_a_pipeline()
    {
        await BackUpAsync();
        byte[] bytes = await File.ReadAllBytesAsync(SegmentFile(), Cancellation);
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(SegmentFile(), bytes, Cancellation);

        PSObject report = Assert.Single(Session.RunCleanly("Get-RabbitBackup $Store | Test-RabbitBackup -Deep"));
        Assert.Equal(false, Value(report, "IsValid"));
        Assert.NotEmpty(Values(report, "Findings"));

        SessionResult passed = Session.Run("Get-RabbitBackup $Store | Test-RabbitBackup -Deep -PassThru | Restore-RabbitMq -Connection $Rabbit -Confirm:$false");
        Assert.Empty(passed.Output);
        Assert.StartsWith("BackupIncomplete,", Assert.Single(passed.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_truncated_segment_is_found_by_the_quick_check()
    {
        await BackUpAsync();
        await using (FileStream file = new(SegmentFile(), FileMode.Open))
        {
            file.SetLength(file.Length - 1);
        }

        Assert.Equal(false, Value(Assert.Single(Session.RunCleanly("Get-RabbitBackup $Store | Test-RabbitBackup")), "IsValid"));
    }

    [Fact]
    public async Task A_backup_without_its_manifest_is_not_valid_and_is_not_restored()
    {
        await BackUpAsync();
        File.Delete(Manifests.Single());
        Assert.Empty(Session.RunCleanly("Get-RabbitBackup $Store"));
        PSObject unfinished = Assert.Single(Session.RunCleanly("Get-RabbitBackup $Store -IncludeIncomplete"));
        Assert.Equal("InProgress", $"{Value(unfinished, "Status")}");
        Assert.Equal(false, Value(Assert.Single(Session.RunCleanly("Get-RabbitBackup $Store -IncludeIncomplete | Test-RabbitBackup -Deep")), "IsValid"));
        ErrorRecord error = Assert.Single(Session.Run("Get-RabbitBackup $Store -IncludeIncomplete | Restore-RabbitMq -Connection $Rabbit -Confirm:$false").Errors);
        Assert.StartsWith("BackupIncomplete,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    private async Task BackUpAsync()
    {
        await FillAsync("orders", 20);
        Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit");
    }

    private string SegmentFile() => Directory.GetFiles(Store, "segment-*", SearchOption.AllDirectories).Single();
}

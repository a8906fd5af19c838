using System.Security.Cryptography;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Storage;
using RabbitMqBackup.Engine.Tests.Catalog;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Storage;

/// <summary>
/// The clouds themselves, for who has an account: <c>RABBITMQ_TEST_LIVE_S3</c>, <c>RABBITMQ_TEST_LIVE_AZURE</c> and <c>RABBITMQ_TEST_LIVE_GCS</c> hold a store's URI, whose default credentials may write, read, list and delete
/// there. Each run uses a prefix of its own and removes what it made.
/// </summary>
public class LiveCloudTests
{
    [Theory]
    [InlineData("RABBITMQ_TEST_LIVE_S3")]
    [InlineData("RABBITMQ_TEST_LIVE_AZURE")]
    [InlineData("RABBITMQ_TEST_LIVE_GCS")]
    public async Task The_cloud_itself_does_what_a_backup_needs(string variable)
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        string address = Environment.GetEnvironmentVariable(variable) ?? "";
        Assert.SkipWhen(address.Length == 0, $"{variable} is not set");
        int query = address.IndexOf('?');
        string place = (query < 0 ? address : address[..query]).TrimEnd('/'), options = query < 0 ? "" : address[query..];
        BackupStore Store(string name) => BackupStore.Parse($"{place}/{name}-{Environment.ProcessId}{options}");

        Assert.All(await StoreProbe.RunAsync(Store("probe"), cancel), step => Assert.True(step.Passed, $"{step.Name}: {step.Message}"));
        BackupManifest manifest = await StoredBackup.CreateAsync(Store("from"), "b1", bytes: 9_000_000);
        await new BackupCopier().CopyAsync(new CopyOptions { Backup = manifest, Destination = Store("to") }, _ => { }, cancel);
        Assert.Equal(await StoredBackup.ContentAsync(Store("from"), ""), await StoredBackup.ContentAsync(Store("to"), ""));

        await using (IObjectStore objects = Store("from").Open())
        {
            ObjectPath race = ObjectPath.Parse("race");
            bool[] won = await Task.WhenAll(Enumerable.Range(0, 16).Select(async i =>
            {
                try
                {
                    await objects.PutAsync(race, new MemoryStream(RandomNumberGenerator.GetBytes(100 + i)), new PutOptions { CreateOnly = true }, cancel);
                    return true;
                }
                catch (RabbitBackupException exception) when (exception.Code == ErrorCode.StorageConflict)
                {
                    return false;
                }
            }));
            Assert.Single(won, winner => winner);
            await objects.DeleteAsync(race, null, cancel);
        }

        foreach (BackupStore store in new[] { Store("from"), Store("to") })
        {
            BackupRemover remover = new();
            RemovalPlan plan = await remover.PlanAsync(new RemovalOptions { Store = store, BackupIds = ["b1"], Force = true }, cancel);
            await remover.RemoveAsync(plan, Assert.Single(plan.Backups), _ => { }, cancel);
            Assert.Empty(await StoredBackup.ContentAsync(store, ""));
        }
    }
}

using RabbitMqBackup.Engine.Tests;
using RabbitMqBackup.Engine.Tests.Backup;
using RabbitMqBackup.Engine.Tests.Definitions;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.Engine.Tests.EndToEnd.Streams;
using RabbitMqBackup.Engine.Tests.Faults;
using RabbitMqBackup.Engine.Tests.Restore;
using RabbitMqBackup.Engine.Tests.Storage;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(LongestFirst))]

namespace RabbitMqBackup.Engine.Tests;

/// <summary>Begins the classes that take longest first, so that none of them runs alone at the end while a core is idle. The others keep their order.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    private static readonly Type[] Longest =
    [
        typeof(ClusterTests), typeof(WholeClusterTests), typeof(ClassicRoundTripTests), typeof(QuorumRoundTripTests), typeof(StreamOutageTests), typeof(BrokerAlarmTests), typeof(DeliveryLimitReserveTests), typeof(RestoreTroubleTests),
        typeof(BrokerTroubleTests), typeof(ReadCutShortTests), typeof(ReadAndTimeTests), typeof(DeliveryLimitRepublishTests), typeof(TlsMatrixTests), typeof(S3StoreTests), typeof(AzureBlobStoreTests), typeof(GcsStoreTests),
    ];

    /// <inheritdoc/>
    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection => [.. testCollections.OrderBy(Place)];

    private static int Place<TTestCollection>(TTestCollection collection)
        where TTestCollection : ITestCollection
    {
        int place = Array.FindIndex(Longest, type => collection.TestCollectionDisplayName.Contains($"{type.FullName} ", StringComparison.Ordinal));
        return place < 0 ? Longest.Length : place;
    }
}
